import type { FastifySchemaValidationError } from 'fastify'

import type { ErrorExtendedInformation } from '../../schemas/ErrorExtendedInformation.js'
import { WorkloadError, type WorkloadErrorOptions } from './workload-error.js'

// The plugin's own errors. People read their messages in Fabric's monitoring hub.
//
// Errors for callers say the same every time, and no line of code is to blame, so none needs a stack trace of its own: each is
// made once, and what is thrown inherits from it.

/** 401: the one answer to every request without valid tokens. */
export const authenticationFailed = shared({
  statusCode: 401,
  errorCode: 'AuthenticationFailed',
  message: 'The request could not be authenticated.',
  source: 'External',
  isPermanent: false,
  headers: { 'WWW-Authenticate': 'SubjectAndAppToken1.0' }
})

/** 403: valid tokens, without the user's scope. */
export const insufficientScope = shared({
  statusCode: 403,
  errorCode: 'InsufficientScope',
  message: 'The subject token does not have the required scope.',
  source: 'External',
  isPermanent: true
})

/** 404: the callback returned `null` or `undefined`. */
export const jobInstanceNotFound = shared({
  statusCode: 404,
  errorCode: 'JobInstanceNotFound',
  message: 'The job instance was not found.',
  source: 'System',
  isPermanent: true
})

const invalidParameter = shared({
  statusCode: 400,
  errorCode: 'InvalidParameter',
  message: 'A parameter in the path of the request is invalid.',
  source: 'User',
  isPermanent: true
})

const invalidRequest = shared({
  statusCode: 400,
  errorCode: 'InvalidRequest',
  message: 'The body of the request is invalid.',
  source: 'User',
  isPermanent: true
})

/**
 * 400: what Ajv found in the path parameters or in the body, with one of `moreDetails` for each parameter. It is Fastify's
 * `schemaErrorFormatter`.
 */
export function invalidInput (problems: FastifySchemaValidationError[], httpPart: string): WorkloadError {
  const error = httpPart === 'params' ? invalidParameter : invalidRequest
  const { errorCode } = error()
  const details = new Map<string, ErrorExtendedInformation>()
  for (const { instancePath, params, message = 'is invalid' } of problems) {
    const name = (instancePath || `/${String(params.missingProperty ?? params.additionalProperty ?? '')}`).slice(1)
    // Ajv reports each branch of an anyOf; its first problem says what is wrong with the parameter.
    if (details.has(name)) continue
    details.set(name, {
      errorCode,
      message: instancePath === '' ? `${httpPart} ${message}.` : `${name} ${message}.`,
      additionalParameters: [{ name: 'parameter', value: name }]
    })
  }
  return Object.assign(error(), { moreDetails: [...details.values()] })
}

/** 500: the callback's answer does not conform to the contract; the log says why. */
export function invalidJobState (problem: string): WorkloadError {
  return new WorkloadError({
    statusCode: 500,
    errorCode: 'InvalidJobState',
    message: 'The workload failed to report the state of the job because of an internal error.',
    source: 'System',
    isPermanent: false,
    cause: new TypeError(`The returned state does not conform to ItemJobInstanceState: ${problem}`)
  })
}

/**
 * 504: a callback took too long.
 *
 * @param timeout in milliseconds
 */
export function callbackTimedOut (timeout: number): WorkloadError {
  return new WorkloadError({
    statusCode: 504,
    errorCode: 'ResolverTimeout',
    message: `The workload did not respond within ${timeout / 1000} seconds.`,
    source: 'System',
    isPermanent: false
  })
}

/**
 * 503: no signing keys could be retrieved.
 *
 * @param retryAfter in seconds
 */
export function signingKeysUnavailable (retryAfter: number, cause: unknown): WorkloadError {
  return new WorkloadError({
    statusCode: 503,
    errorCode: 'SigningKeysUnavailable',
    message: 'The request cannot be authenticated at the moment. Try again later.',
    source: 'External',
    isPermanent: false,
    headers: { 'Retry-After': String(retryAfter) },
    cause
  })
}

/** Makes an error once; the function returns one that inherits from it, to which hooks and loggers of the host may write. */
function shared (options: WorkloadErrorOptions): () => WorkloadError {
  const error = new WorkloadError(options)
  return () => Object.assign(Object.create(error), error)
}
