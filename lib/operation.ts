import type { IncomingMessage, ServerResponse } from 'node:http'

import type { TObject } from '@sinclair/typebox'
import type {
  FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest, RawServerDefault, RouteOptions
} from 'fastify'

import type {
  CreateItemJobInstanceRequest, GetItemJobInstanceStateParams, OnCreateJobInstanceBody
} from '../schemas/index.js'
import { CallContext } from './call-context.js'
import type { Deadline } from './deadline.js'
import { toWorkloadError } from './errors/error-response.js'
import { invalidInput } from './errors/failures.js'
import { withCorrelationIds } from './log/correlation-ids.js'
import { logLateFailure } from './log/failure.js'
import type { SharedOptions } from './options.js'
import {
  conformText, conformTo, errorHandler, prepare, serializeAnswer, serializerCompiler, type SuccessStatus, wasAnswered
} from './response.js'
import type { AuthenticationHook } from './subject-and-app/hook.js'
import { validatorCompilerFor } from './validation.js'

/** An operation: its route, from a module of `schemas/`, and the callback that answers a valid request. */
export interface Operation {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly schema: { readonly operationId: string, readonly params: TObject, readonly response: object }
  readonly successStatus: SuccessStatus
  /** Calls the host's callback for the job of the request, and returns its result. */
  readonly call: (request: ValidRequest, context: CallContext) => unknown
}

/** The parameters and the body of a valid request. A request has only those that its operation has. */
export interface ValidRequest {
  readonly params: GetItemJobInstanceStateParams
  readonly body: CreateItemJobInstanceRequest & OnCreateJobInstanceBody
}

interface RouteTypes { Params: ValidRequest['params'], Body: ValidRequest['body'] }

/** The parts that the operations of one registration share. */
export interface Services {
  /** `undefined` with `authentication: false`. */
  readonly authenticate: AuthenticationHook | undefined
  readonly deadline: Deadline
  /** Fastify's `config` of the routes. */
  readonly config: FastifyContextConfig
  /** Properties of the OpenAPI document that replace the contract's. */
  readonly documented: { tags?: NonNullable<SharedOptions['tags']>, security?: NonNullable<SharedOptions['security']> }
  /** True once the server has begun to close. */
  readonly isClosing: () => boolean
}

/**
 * Serves one operation on Fastify's seams: Fastify runs authentication as an `onRequest` hook, validates the request with Ajv, and
 * serializes the response with fast-json-stringify; every failure ends in the route's error handler.
 *
 * All of it are options of the route, not of its scope, so nothing leaks into the host however the plugin is registered.
 */
export function serveOperation (
  app: FastifyInstance,
  { authenticate, deadline, config, documented, isClosing }: Services,
  { method, url, schema, successStatus, call }: Operation
): void {
  async function handler (request: FastifyRequest<RouteTypes>, reply: FastifyReply): Promise<string | undefined> {
    try {
      // Not only in the route's hook: a hook of the host may prevent that hook from running.
      const caller = authenticate && await authenticate(request)
      prepare(reply, successStatus)
      const context = new CallContext(reply, caller)
      const answer = await deadline.run(() => call(request, context), context)
      if (wasAnswered(reply)) return undefined
      return serializeAnswer(reply, successStatus, answer)
    } catch (thrown) {
      if (!wasAnswered(reply)) throw toWorkloadError(thrown)
      logLateFailure(reply, thrown, 'after the response')
    }
  }

  const route: RouteOptions<RawServerDefault, IncomingMessage, ServerResponse, RouteTypes> & { responseValidation: false } = {
    method,
    url,
    config,
    schema: { ...documentedOnce(app, schema), ...documented },
    ...(isLogging(app) && {
      childLoggerFactory: (logger, bindings, options, rawRequest) =>
        app.childLoggerFactory(logger, withCorrelationIds(bindings, rawRequest.headers), options, rawRequest)
    }),
    ...(authenticate !== undefined && { onRequest: authenticate }),
    validatorCompiler: validatorCompilerFor(schema.params),
    schemaErrorFormatter: invalidInput,
    handler,
    serializerCompiler,
    preSerialization: conformTo(successStatus),
    onSend: (request, reply, payload, done) => {
      // Fastify closes the connections of requests that arrive while it closes, but not of requests from before.
      if (isClosing() && request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
      done(null, conformText(reply, payload))
    },
    errorHandler,
    // @fastify/response-validation would compile the schemas with another Ajv. The handler checks the response.
    responseValidation: false
  }
  app.route(route)
}

/** False for `logger: false`, whose logger returns itself as its child: without a log, no correlation IDs are needed. */
function isLogging ({ log }: FastifyInstance): boolean {
  return log.child({}) !== log
}

/** The operations in the OpenAPI document of each server: an `operationId` must be unique in a document. */
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
