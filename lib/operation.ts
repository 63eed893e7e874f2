import type { IncomingMessage, ServerResponse } from 'node:http'

import type { TObject } from '@sinclair/typebox'
import type {
  FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest, RawServerDefault, RouteOptions
} from 'fastify'

import type { CreateItemJobInstanceRequest, GetItemJobInstanceStateParams } from '../schemas/index.js'
import { CallContext } from './call-context.js'
import type { JobInstance } from './callbacks.js'
import type { Deadline } from './deadline.js'
import { toWorkloadError } from './errors/error-response.js'
import { callbackTimedOut, invalidInput } from './errors/failures.js'
import { checkedJobState } from './job-state.js'
import { withCorrelationIds } from './log/correlation-ids.js'
import { logLateFailure } from './log/failure.js'
import type { SharedOptions } from './options.js'
import { conform, conformText, errorHandler, prepare, serialize, serializerCompiler, wasAnswered } from './response.js'
import type { AuthenticationHook } from './subject-and-app/hook.js'
import { validatorCompilerFor } from './validation.js'

/** An operation of the contract, as a module of `schemas/` has it. */
export interface Operation {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly schema: { readonly operationId: string, readonly params: TObject, readonly response: object }
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
      const caller = authenticate && await authenticate(request)
      prepare(reply, successStatus)
      const context = new CallContext(reply, caller)
      const answer = await deadline.run(() => call(jobInstance(request.params), context, request.body), {
        onTimeout: () => {
          const error = callbackTimedOut(timeout)
          context.abort(error)
          return error
        },
        onSettled: () => context.finish(),
        onLateRejection: (reason) => logLateFailure(reply, reason, 'after its deadline')
      })
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
    ...(isLogging(app) && {
      childLoggerFactory: (logger, bindings, options, rawRequest) =>
        app.childLoggerFactory(logger, withCorrelationIds(bindings, rawRequest.headers), options, rawRequest)
    }),
    ...(authenticate !== undefined && { onRequest: authenticate }),
    validatorCompiler: validatorCompilerFor(operation.schema.params),
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

/** False for `logger: false`, whose logger is its own child: a host that logs nothing should not pay for ids in the log. */
function isLogging ({ log }: FastifyInstance): boolean {
  return log.child({}) !== log
}

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
