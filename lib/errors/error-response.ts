import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'

import type { ErrorResponse } from '../../schemas/ErrorResponse.js'
import { ownCopy, propertyOf } from '../own-properties.js'
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
  // With Object.prototype, as users expect.
  return { statusCode, body: structuredClone(body) }
}

/**
 * Like {@link toErrorResponse}, for an error of a request whose status a hook may have set already. The body inherits nothing.
 *
 * @param replyStatus the status of the reply: used if the error has none, as in Fastify
 */
export function errorAnswer (error: unknown, replyStatus: number | undefined): ErrorAnswer {
  try {
    return ownAnswer(error) ?? httpAnswer(error, replyStatus) ?? internalError
  } catch {
    // A getter or a proxy of the error threw.
    return internalError
  }
}

/** Cache of checked headers: the plugin's own errors use the same headers object for each request. */
const checkedHeaders = new WeakMap<object, Record<string, string>>()

/**
 * The headers of a thrown error that can be sent. Headers that the response sets itself (length, type and caching) are left
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
  const checked = Object.fromEntries(Object.entries(headers).flatMap(sendableHeader))
  checkedHeaders.set(headers, checked)
  return checked
}

/**
 * Headers that belong to one message on one connection (RFC 9110, 6.6.2, 7.6.1 and 8; RFC 9113, 8.2.2). The response sets its
 * own, so the error of a failed request cannot break it with the headers of another message.
 */
const RESERVED_HEADERS = new Set([
  'cache-control', 'connection', 'content-encoding', 'content-length', 'content-range', 'content-type', 'http2-settings', 'keep-alive',
  'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'
])

function sendableHeader ([name, value]: [string, unknown]): Array<[string, string]> {
  if ((typeof value !== 'string' && typeof value !== 'number') || RESERVED_HEADERS.has(name.toLowerCase())) return []
  try {
    validateHeaderName(name)
    validateHeaderValue(name, String(value))
    return [[name, String(value)]]
  } catch {
    return []
  }
}

/**
 * Converts any thrown value to a {@link WorkloadError}: the value itself if it is one, else an error with the response of
 * {@link toErrorResponse} and the value as its cause. Fastify and the host's hooks then always get an `Error`.
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
    body: ownCopy<ErrorResponse>({
      errorCode: isText(errorCode) ? errorCode.toWellFormed() : statusName(statusCode),
      message: isExposed && isText(message) ? message.toWellFormed() : `The workload responded: ${reasonPhrase(statusCode)}.`,
      source: isClientError ? 'User' : 'System',
      isPermanent: isClientError && !WORTH_REPEATING.has(statusCode)
    })
  }
}

/** Request Timeout, Too Early, Too Many Requests: after these the same request may succeed later (RFC 9110, 8470, 6585). */
const WORTH_REPEATING = new Set([408, 425, 429])

const internalError: ErrorAnswer = Object.freeze({
  statusCode: 500,
  body: Object.freeze(ownCopy<ErrorResponse>({
    errorCode: 'InternalError',
    message: 'The workload failed because of an internal error.',
    source: 'System',
    isPermanent: false
  }))
})

/** `NotFound` for 404. An unknown status is treated as the first of its class (RFC 9110, section 15). */
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
