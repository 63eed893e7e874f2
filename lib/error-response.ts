import { STATUS_CODES } from 'node:http'

import type { ErrorResponse } from '../schemas/index.js'
import { isErrorStatus, readErrorResponse, WorkloadError } from './workload-error.js'

/** An answer that is not a 200: its HTTP status and its body. */
export interface ErrorAnswer {
  /** The HTTP status, 400 to 599. */
  statusCode: number
  /** The contract's `ErrorResponse`. */
  body: ErrorResponse
}

/**
 * Turns any thrown value into the answer that the contract has for it, so that all of a workload's routes fail alike.
 * It never throws, and tells the caller nothing that was not meant for it.
 *
 * | thrown | answer |
 * | --- | --- |
 * | a {@link WorkloadError} | its own |
 * | an error with a `statusCode` of 400 to 599 (`@fastify/sensible`, Fastify's own) | that status; the error's `errorCode`, else the status's name; its message if it is a 4xx or `expose` is true |
 * | anything else | 500 `InternalError` |
 *
 * @example
 * app.setErrorHandler((error, request, reply) => {
 *   const { statusCode, body } = toErrorResponse(error)
 *   return reply.code(statusCode).send(body)
 * })
 */
export function toErrorResponse (error: unknown): ErrorAnswer {
  try {
    return ownAnswer(error) ?? httpAnswer(error) ?? internalError()
  } catch {
    // A proxy or a getter that throws: it says nothing that could be sent.
    return internalError()
  }
}

/**
 * The {@link WorkloadError} for any thrown value: itself where it is one, else one with the answer that
 * {@link toErrorResponse} has for it and what was thrown as its cause.
 */
export function toWorkloadError (thrown: unknown): WorkloadError {
  if (isWorkloadError(thrown)) return thrown
  const { statusCode, body } = toErrorResponse(thrown)
  return new WorkloadError({ statusCode, ...body, cause: thrown })
}

function isWorkloadError (thrown: unknown): thrown is WorkloadError {
  try {
    return thrown instanceof WorkloadError
  } catch {
    return false
  }
}

function ownAnswer (error: unknown): ErrorAnswer | undefined {
  if (!(error instanceof WorkloadError) || !isErrorStatus(error.statusCode)) return undefined
  const reading = readErrorResponse(error)
  return 'value' in reading ? { statusCode: error.statusCode, body: reading.value } : undefined
}

function httpAnswer (error: unknown): ErrorAnswer | undefined {
  if (!isObject(error)) return undefined
  const { statusCode, errorCode, message, expose } = error
  if (!isErrorStatus(statusCode)) return undefined
  const isCallers = statusCode < 500
  const isExposed = typeof expose === 'boolean' ? expose : isCallers
  return {
    statusCode,
    body: {
      errorCode: isText(errorCode) ? errorCode : statusName(statusCode),
      message: isExposed && isText(message) ? message : genericMessage(statusCode),
      source: isCallers ? 'User' : 'System',
      isPermanent: isCallers && !WORTH_REPEATING.has(statusCode)
    }
  }
}

/** Request Timeout, Too Early, Too Many Requests: 4xx, and yet the same request may succeed later (RFC 9110, 8470, 6585). */
const WORTH_REPEATING = new Set([408, 425, 429])

function internalError (): ErrorAnswer {
  return {
    statusCode: 500,
    body: {
      errorCode: 'InternalError',
      message: 'The workload could not answer because of an internal error.',
      source: 'System',
      isPermanent: false
    }
  }
}

/** `NotFound` for 404. An unknown status counts as the first of its class (RFC 9110, section 15). */
function statusName (statusCode: number): string {
  return reasonPhrase(statusCode).replace(/(?:^|[^a-z]+)([a-z])/gi, (_, letter: string) => letter.toUpperCase())
}

function genericMessage (statusCode: number): string {
  return `The workload answered: ${reasonPhrase(statusCode)}.`
}

function reasonPhrase (statusCode: number): string {
  return STATUS_CODES[statusCode] ?? (statusCode < 500 ? 'Bad Request' : 'Internal Server Error')
}

function isText (value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
