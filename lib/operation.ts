import type { IncomingMessage, ServerResponse } from 'node:http'

import { KindGuard } from '@sinclair/typebox'
import { Ajv } from 'ajv'
import fastJson from 'fast-json-stringify'
import type {
  FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, FastifySchemaCompiler, FastifySerializerCompiler, RawServerDefault,
  RouteOptions
} from 'fastify'

import type {
  CreateItemJobInstanceRequest, ErrorResponse, GetItemJobInstanceStateParams, ItemJobInstanceState
} from '../schemas/index.js'
import { CallContext } from './call-context.js'
import type { JobInstance } from './callbacks.js'
import type { Deadline } from './deadline.js'
import { errorAnswer, errorHeaders, toWorkloadError } from './errors/error-response.js'
import { callbackTimedOut, invalidInput } from './errors/failures.js'
import { formats } from './formats.js'
import { checkedJobState } from './job-state.js'
import { withCorrelationIds } from './log/correlation-ids.js'
import { logFailure, logLateFailure } from './log/failure.js'
import type { SharedOptions } from './options.js'
import type { AuthenticationHook } from './subject-and-app/hook.js'

/** An operation of the contract, as a module of `schemas/` has it. */
export interface Operation {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly schema: { readonly operationId: string, readonly response: object }
}

/** What the operations of one registration share. */
export interface Services {
  /** `undefined` with `authentication: false`. */
  readonly authenticate: AuthenticationHook | undefined
  readonly deadline: Deadline
  /** In milliseconds; the message of a 504 names it. */
  readonly timeout: number
  /** Fastify's `config` of the routes. */
  readonly config: FastifyContextConfig
  /** What the OpenAPI document says instead of the contract's. */
  readonly documented: { tags?: NonNullable<SharedOptions['tags']>, security?: NonNullable<SharedOptions['security']> }
  /** True once the server has begun to close. */
  readonly isClosing: () => boolean
}

/** Calls the host's callback. */
export type Call = (job: JobInstance, context: CallContext, body: CreateItemJobInstanceRequest) => unknown

interface RouteTypes { Params: GetItemJobInstanceStateParams, Body: CreateItemJobInstanceRequest }

/**
 * Serves one operation on Fastify's seams: Fastify runs authentication as an `onRequest` hook, validates the request with Ajv, and
 * serializes the response with fast-json-stringify; every failure ends in the route's error handler.
 *
 * All of it are options of the route, not of its scope, so nothing leaks into the host however the plugin is registered.
 */
export function serveOperation (
  app: FastifyInstance, operation: Operation, { authenticate, deadline, timeout, config, documented, isClosing }: Services, call: Call
): void {
  const successStatus = 202 in operation.schema.response ? 202 : 200

  async function handler (request: FastifyRequest<RouteTypes>, reply: FastifyReply): Promise<string | undefined> {
    try {
      // Authentication belongs to the request: it also counts where a hook of the host kept the route's hook from running.
      const caller = await authenticate?.(request)
      prepare(reply, successStatus)
      const context = new CallContext(reply, caller)
      const answer = await deadline.run(() => call(jobInstance(request.params), context, request.body), {
        onTimeout: () => {
          const error = callbackTimedOut(timeout)
          context.abort(error)
          return error
        },
        onLateRejection: (reason) => logLateFailure(reply, reason, 'after its deadline')
      }).finally(() => context.finish())
      if (wasAnswered(reply)) return undefined
      return successStatus === 202 ? undefined : serialize(reply, '200', checkedJobState(answer))
    } catch (thrown) {
      if (!wasAnswered(reply)) throw toWorkloadError(thrown)
      logLateFailure(reply, thrown, 'after the response')
    }
  }

  const route: RouteOptions<RawServerDefault, IncomingMessage, ServerResponse, RouteTypes> & { responseValidation: false } = {
    method: operation.method,
    url: operation.url,
    config,
    schema: { ...documentedOnce(app, operation.schema), ...documented },
    childLoggerFactory: (logger, bindings, options, rawRequest) =>
      app.childLoggerFactory(logger, withCorrelationIds(bindings, rawRequest.headers), options, rawRequest),
    ...(authenticate !== undefined && { onRequest: authenticate }),
    validatorCompiler,
    schemaErrorFormatter: invalidInput,
    handler,
    serializerCompiler,
    preSerialization: conform,
    onSend: (request, reply, payload, done) => {
      // Fastify says so to requests that come while it closes; the connection of one that came before would stay open.
      if (isClosing() && request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
      done(null, conformText(reply, payload))
    },
    errorHandler,
    // @fastify/response-validation would compile the schemas with an Ajv of its own. The answer is checked above.
    responseValidation: false
  }
  app.route(route)
}

const JSON_TYPE = 'application/json'

/** The request headers are in the schema for the document: authentication judges them, and the ids may be absent. */
const validatorCompiler: FastifySchemaCompiler<FastifySchema> = ({ schema, httpPart }) => {
  if (httpPart !== 'params' && httpPart !== 'body') return () => true
  return new Ajv({ allErrors: true, formats, ownProperties: true }).compile(httpPart === 'params' ? withoutEmptyStrings(schema) : schema)
}

/** The router has an empty string for a parameter that the path lacks (`//`); the contract requires them all. */
function withoutEmptyStrings (params: object): object {
  if (!KindGuard.IsObject(params)) return params
  const properties = Object.entries(params.properties).map(([name, schema]) => [name, { minLength: schema.format === undefined ? 1 : 0, ...schema }])
  return { ...params, properties: Object.fromEntries(properties) }
}

const serializerCompiler: FastifySerializerCompiler<object> = ({ schema }) => fastJson(schema)

/** The job that the path names, its UUIDs in lower case. */
function jobInstance ({ workspaceId, itemType, itemId, jobType, jobInstanceId }: GetItemJobInstanceStateParams): JobInstance {
  return {
    workspaceId: workspaceId.toLowerCase(),
    itemType,
    itemId: itemId.toLowerCase(),
    jobType,
    jobInstanceId: jobInstanceId.toLowerCase()
  }
}

/**
 * Prepares a response: before the callback is called, because a response of somebody else may be under way when it returns.
 *
 * The body is a text that is final: the serializers of the host are for the host's own objects.
 */
function prepare (reply: FastifyReply, statusCode: number): FastifyReply {
  reply.code(statusCode).header('cache-control', 'no-store').serializer(asItIs)
  return statusCode === 202 ? reply : reply.type(`${JSON_TYPE}; charset=utf-8`)
}

/**
 * Serializes a checked body with the route's own serializer, whatever serializers and hooks the host has. The serializer gets it
 * without a prototype, because it would read an absent property from a polluted Object.prototype.
 */
function serialize (reply: FastifyReply, status: '200' | 'default', body: ItemJobInstanceState | ErrorResponse): string {
  return String(reply.serializeInput(Object.assign(Object.create(null), body), status, JSON_TYPE))
}

function asItIs (text: string): string {
  return text
}

/** Replies whose error response was sent, or is on its way through the hooks of the host. */
const answered = new WeakSet<FastifyReply>()

/** True if another response is under way: then nothing more may be sent. */
function wasAnswered (reply: FastifyReply): boolean {
  if (!answered.has(reply)) return false
  reply.hijack()
  return true
}

function errorHandler (error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  answered.add(reply)
  const { statusCode, body } = errorAnswer(error, reply.statusCode)
  logFailure(reply, error, statusCode)
  prepare(reply.headers(errorHeaders(error)), statusCode).send(serialize(reply, 'default', body))
}

/**
 * A `preSerialization` hook. The handler and the error handler send text, so it gets what a hook of the host sends instead of
 * them, and makes it a response that conforms to the contract.
 */
async function conform (_request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<string> {
  if (reply.statusCode === 200) {
    const state = checkedJobState(payload)
    prepare(reply, 200)
    return serialize(reply, '200', state)
  }
  const { statusCode, body } = errorAnswer(payload, reply.statusCode)
  prepare(reply, statusCode)
  return serialize(reply, 'default', body)
}

/** What a hook of the host sends as an error without a body or as a text that is not JSON, as an `ErrorResponse`. */
function conformText (reply: FastifyReply, payload: unknown): unknown {
  if (reply.statusCode < 400 || (payload !== undefined && typeof payload !== 'string')) return payload
  if (/\bjson\b/.test(String(reply.getHeader('content-type')))) return payload
  const { statusCode, body } = errorAnswer(undefined, reply.statusCode)
  return serialize(prepare(reply, statusCode), 'default', body)
}

/** The operations that the document of a server has: an `operationId` stands once in an OpenAPI document. */
const documented = new WeakMap<FastifyInstance['server'], Set<string>>()

function documentedOnce<T extends { operationId: string }> (app: FastifyInstance, schema: T): Omit<T, 'operationId'> {
  const ids = documented.get(app.server) ?? new Set()
  documented.set(app.server, ids)
  if (!ids.has(schema.operationId)) {
    ids.add(schema.operationId)
    return schema
  }
  const { operationId, ...others } = schema
  return others
}
