import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'

import type { ErrorResponse } from '../../schemas/ErrorResponse.js'
import { propertyOf } from '../own-properties.js'
import { checkErrorResponse, isErrorStatus, WorkloadError } from './workload-error.js'

/** A response that is not a 200: its HTTP status and its body. */
export interface ErrorAnswer {
  /** The HTTP status, 400 to 599. */
  statusCode: number
  /** The contract's `ErrorResponse`. */
  body: ErrorResponse
}

/**
 * Converts any thrown value into the response that the contract has for it, so that all routes of a workload fail alike. It
 * never throws, and the body contains nothing that was not meant for the caller.
 *
 * | thrown | response |
 * | --- | --- |
 * | a {@link WorkloadError} | its own |
 * | an error with a `statusCode` or `status` of 400 to 599 (`@fastify/sensible`, Fastify's own) | that status; the error's `errorCode`, else the status's name; its message if it is a 4xx or `expose` is true |
 * | anything else | 500 `InternalError` |
 *
 * @example
 * app.setErrorHandler((error, request, reply) => {
 *   const { statusCode, body } = toErrorResponse(error)
 *   return reply.code(statusCode).send(body)
 * })
 */
export function toErrorResponse (error: unknown): ErrorAnswer {
  const { statusCode, body } = errorAnswer(error, undefined)
  // Objects with a prototype, as users expect them.
  return { statusCode, body: structuredClone(body) }
}

/**
 * As {@link toErrorResponse}, for an error of a request whose status a hook may have set already.
 *
 * @param replyStatus the status of the reply: it counts where the error has none, as in Fastify
 */
export function errorAnswer (error: unknown, replyStatus: number | undefined): ErrorAnswer {
  try {
    return ownAnswer(error) ?? httpAnswer(error, replyStatus) ?? internalError
  } catch {
    // A getter or a proxy of the error threw.
    return internalError
  }
}

/** The headers of errors that were checked: those of the plugin's own errors are the same for each request. */
const checkedHeaders = new WeakMap<object, Record<string, string>>()

/**
 * The headers of a thrown error that can be sent; what the response itself decides (its length, type and caching) is left
 * out. It never throws.
 */
export function errorHeaders (error: unknown): Record<string, string> {
  try {
    const headers = isObject(error) ? propertyOf(error, 'headers') : undefined
    return isObject(headers) ? checkedHeaders.get(headers) ?? checkHeaders(headers) : {}
  } catch {
    return {}
  }
}

function checkHeaders (headers: object): Record<string, string> {
  const checked = Object.fromEntries(Object.entries(headers).flatMap(sendable))
  checkedHeaders.set(headers, checked)
  return checked
}

/**
 * Headers of one message on one connection (RFC 9110, 6.6.2, 7.6.1 and 8; RFC 9113, 8.2.2): the response has its own. An error
 * that carries the headers of another message would break it.
 */
const THE_RESPONSES = new Set([
  'cache-control', 'connection', 'content-encoding', 'content-length', 'content-range', 'content-type', 'http2-settings', 'keep-alive',
  'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'
])

function sendable ([name, value]: [string, unknown]): Array<[string, string]> {
  if ((typeof value !== 'string' && typeof value !== 'number') || THE_RESPONSES.has(name.toLowerCase())) return []
  try {
    validateHeaderName(name)
    validateHeaderValue(name, String(value))
    return [[name, String(value)]]
  } catch {
    return []
  }
}

/**
 * The {@link WorkloadError} for any thrown value: itself where it is one, else one with the response that
 * {@link toErrorResponse} has for it, and the thrown value as its cause. Fastify and the host's hooks then get an error.
 */
export function toWorkloadError (thrown: unknown): WorkloadError {
  if (isWorkloadError(thrown)) return thrown
  const { statusCode, body } = errorAnswer(thrown, undefined)
  return new WorkloadError({ statusCode, ...body, headers: errorHeaders(thrown), cause: thrown })
}

function isWorkloadError (thrown: unknown): thrown is WorkloadError {
  try {
    return thrown instanceof WorkloadError
  } catch {
    return false
  }
}

function ownAnswer (error: unknown): ErrorAnswer | undefined {
  if (!(error instanceof WorkloadError)) return undefined
  const { statusCode } = error
  const checked = checkErrorResponse(error)
  return isErrorStatus(statusCode) && 'value' in checked ? { statusCode, body: checked.value } : undefined
}

function httpAnswer (error: unknown, replyStatus: number | undefined): ErrorAnswer | undefined {
  const property = (name: string) => isObject(error) ? propertyOf(error, name) : undefined
  const statusCode = [property('statusCode'), property('status'), replyStatus].find(isErrorStatus)
  if (statusCode === undefined) return undefined
  const isClientError = statusCode < 500
  const [errorCode, message, expose] = ['errorCode', 'message', 'expose'].map(property)
  const isExposed = typeof expose === 'boolean' ? expose : isClientError
  return {
    statusCode,
    body: {
      errorCode: isText(errorCode) ? errorCode.toWellFormed() : statusName(statusCode),
      message: isExposed && isText(message) ? message.toWellFormed() : `The workload responded: ${reasonPhrase(statusCode)}.`,
      source: isClientError ? 'User' : 'System',
      isPermanent: isClientError && !WORTH_REPEATING.has(statusCode)
    }
  }
}

/** Request Timeout, Too Early, Too Many Requests: 4xx, and yet the same request may succeed later (RFC 9110, 8470, 6585). */
const WORTH_REPEATING = new Set([408, 425, 429])

const internalError: ErrorAnswer = Object.freeze({
  statusCode: 500,
  body: Object.freeze({
    errorCode: 'InternalError',
    message: 'The workload failed because of an internal error.',
    source: 'System',
    isPermanent: false
  })
})

/** `NotFound` for 404. An unknown status counts as the first of its class (RFC 9110, section 15). */
function statusName (statusCode: number): string {
  return reasonPhrase(statusCode).replace(/(?:^|[^a-z]+)([a-z])/gi, (_, letter: string) => letter.toUpperCase())
}

function reasonPhrase (statusCode: number): string {
  return STATUS_CODES[statusCode] ?? (statusCode < 500 ? 'Bad Request' : 'Internal Server Error')
}

function isText (value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
