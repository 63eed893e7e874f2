import fastJson from 'fast-json-stringify'
import type { FastifyReply, FastifyRequest, FastifySerializerCompiler } from 'fastify'

import type { ErrorResponse, ItemJobInstanceState } from '../schemas/index.js'
import { errorAnswer, errorHeaders } from './errors/error-response.js'
import { checkedJobState } from './job-state.js'
import { logFailure } from './log/failure.js'

const JSON_TYPE = 'application/json'

/** The status of an operation's success: 202 has no body, the others have the state. */
export type SuccessStatus = 200 | 201 | 202

/** The names of the response schemas of the statuses with a state. */
const STATE_SCHEMAS = { 200: '200', 201: '201' } as const

/**
 * Compiles the serializers of the responses for Fastify.
 *
 * The serializer of `default` must never throw: after a hook of the host has failed twice, Fastify calls it with an error.
 */
export const serializerCompiler: FastifySerializerCompiler<object> = ({ schema, httpStatus }) => {
  const stringify = fastJson(schema)
  if (httpStatus !== 'default') return stringify
  return (body: unknown) => stringify(body instanceof Error ? errorAnswer(body, undefined).body : body)
}

/**
 * Prepares a response. It is called before the callback, because another response may be in progress when the callback returns.
 *
 * The body is serialized already, so the reply gets a serializer that returns it unchanged, in place of the host's.
 */
export function prepare (reply: FastifyReply, statusCode: number): FastifyReply {
  reply.code(statusCode).header('cache-control', 'no-store').serializer(unchanged)
  return statusCode === 202 ? reply : reply.type(`${JSON_TYPE}; charset=utf-8`)
}

/**
 * Serializes a checked body with the route's own serializer, whatever serializers and hooks the host has. A checked body inherits
 * nothing: the serializer would read an absent property from a polluted Object.prototype.
 */
export function serialize (reply: FastifyReply, status: '200' | '201' | 'default', body: ItemJobInstanceState | ErrorResponse): string {
  return String(reply.serializeInput(body, status, JSON_TYPE))
}

/** Serializes the result of a callback; with 202 the response has no body. */
export function serializeAnswer (reply: FastifyReply, successStatus: SuccessStatus, answer: unknown): string | undefined {
  return successStatus === 202 ? undefined : serialize(reply, STATE_SCHEMAS[successStatus], checkedJobState(answer))
}

function unchanged (text: string): string {
  return text
}

/** Replies whose error response was sent, or is being processed by the host's hooks. */
const answered = new WeakSet<FastifyReply>()

/** True if another response is in progress: then nothing more may be sent. */
export function wasAnswered (reply: FastifyReply): boolean {
  if (!answered.has(reply)) return false
  reply.hijack()
  return true
}

/** The route's error handler: every failure ends here, as the contract's `ErrorResponse`. */
export function errorHandler (error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  answered.add(reply)
  const { statusCode, body } = errorAnswer(error, reply.statusCode)
  logFailure(reply, error, statusCode)
  prepare(reply.headers(errorHeaders(error)), statusCode).send(serialize(reply, 'default', body))
}

/**
 * Makes a `preSerialization` hook. The handler and the error handler send text, so the hook runs only for an object that a hook
 * of the host sends instead. It converts the object to a response that conforms to the contract.
 */
export function conformTo (successStatus: SuccessStatus) {
  return async (_request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<string> => {
    if (successStatus !== 202 && reply.statusCode === successStatus) {
      const state = checkedJobState(payload)
      prepare(reply, successStatus)
      return serialize(reply, STATE_SCHEMAS[successStatus], state)
    }
    const { statusCode, body } = errorAnswer(payload, reply.statusCode)
    prepare(reply, statusCode)
    return serialize(reply, 'default', body)
  }
}

/** Replaces an error that a hook of the host sends without a body, or as a text that is not JSON, by an `ErrorResponse`. */
export function conformText (reply: FastifyReply, payload: unknown): unknown {
  if (reply.statusCode < 400 || (payload !== undefined && typeof payload !== 'string')) return payload
  if (/\bjson\b/.test(String(reply.getHeader('content-type')))) return payload
  const { statusCode, body } = errorAnswer(undefined, reply.statusCode)
  return serialize(prepare(reply, statusCode), 'default', body)
}
