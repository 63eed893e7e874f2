import type { FastifySchemaValidationError } from 'fastify'

import type { ErrorExtendedInformation } from '../../schemas/ErrorExtendedInformation.js'
import { WorkloadError, type WorkloadErrorOptions } from './workload-error.js'

// The plugin's own errors. Users read their messages in Fabric's monitoring hub.
//
// An error of a caller does not need a stack trace, because it is no fault of the code. So each of these errors is created once,
// and the error that is thrown inherits from it.

/** 401: the same response to every request without valid tokens. */
export const authenticationFailed = shared({
  statusCode: 401,
  errorCode: 'AuthenticationFailed',
  message: 'The request could not be authenticated.',
  source: 'External',
  isPermanent: false,
  headers: { 'WWW-Authenticate': 'SubjectAndAppToken1.0' }
})

/** 403: the tokens are valid, but the subject token lacks the required scope. */
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
 * 400: the problems that Ajv found in the path parameters or in the body, one entry of `moreDetails` for each parameter. It is
 * used as Fastify's `schemaErrorFormatter`.
 */
export function invalidInput (problems: FastifySchemaValidationError[], httpPart: string): WorkloadError {
  const error = httpPart === 'params' ? invalidParameter : invalidRequest
  const { errorCode } = error()
  const details = new Map<string, ErrorExtendedInformation>()
  for (const { instancePath, params, message = 'is invalid' } of problems) {
    const name = (instancePath || `/${String(params.missingProperty ?? params.additionalProperty ?? '')}`).slice(1)
    // Ajv reports every branch of an anyOf: the first problem of a parameter is enough.
    if (details.has(name)) continue
    details.set(name, {
      errorCode,
      message: instancePath === '' ? `${httpPart} ${message}.` : `${name} ${message}.`,
      additionalParameters: [{ name: 'parameter', value: name }]
    })
  }
  return Object.assign(error(), { moreDetails: [...details.values()] })
}

/** 500: the callback's result does not conform to the contract; the log has the reason. */
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
 * 504: a callback exceeded its time limit.
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

/**
 * Creates an error once, at its first use: its check compiles a validator, which importing the package must not do. The function
 * returns an object that inherits from the error, because hooks and loggers may modify it.
 */
function shared (options: WorkloadErrorOptions): () => WorkloadError {
  let error: WorkloadError | undefined
  return () => {
    error ??= new WorkloadError(options)
    return Object.assign(Object.create(error), error)
  }
}
