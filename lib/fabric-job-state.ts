import sensible from '@fastify/sensible'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

import { GetItemJobInstanceState } from '../schemas/plain.js'
import { withCorrelationIds } from './correlation-ids.js'
import { documentedSchema } from './documented-schema.js'
import { toErrorResponse } from './error-response.js'
import { checkedJobState } from './job-state.js'
import type { JobState } from './job-state-resolver.js'
import { loggableError } from './loggable-error.js'
import { checkedOptions, type FabricJobStateOptions, refusal } from './options.js'
import { validateParams } from './params.js'
import { Poll } from './poll.js'
import { hasClientGone } from './poll-context.js'
import { PollDeadlines } from './poll-deadlines.js'
import { endConnectionsOnClose, send } from './send.js'
import { createAuthenticationHook } from './subject-and-app/plugin.js'
import { WorkloadError } from './workload-error.js'

/**
 * Answers Fabric's question how a job is doing: registers
 * `GET {prefix}/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}`.
 *
 * Every body that leaves the route is the contract's `ItemJobInstanceState` (200) or its `ErrorResponse` (anything
 * else). The plugin is encapsulated: register it as often as there are prefixes; the host's own routes stay as they are.
 *
 * @throws {TypeError} at registration, with a message that says what to write.
 *
 * @example
 * await app.register(fabricJobState, {
 *   prefix: '/workload-api',
 *   resolveJobState: async ({ jobInstanceId }) => jobs.get(jobInstanceId),
 *   authentication: { publisherTenantId, audience, clientId }
 * })
 */
export const fabricJobState: FastifyPluginAsync<FabricJobStateOptions> = fastifyPlugin(async (
  app: FastifyInstance, options: FabricJobStateOptions
) => {
  const { resolveJobState, resolverTimeout, authentication } = checkedOptions(options)
  const onRequest = authenticationHooks(app, authentication)
  const deadlines = new PollDeadlines(resolverTimeout)
  warnOfShortParams(app)
  endConnectionsOnClose(app)
  if (!app.hasDecorator('httpErrors')) await app.register(sensible)

  /** Each line of a poll, Fastify's own included, carries Fabric's ids. */
  const correlatedLogger: FastifyInstance['childLoggerFactory'] = (logger, bindings, opts, rawRequest) =>
    app.childLoggerFactory(logger, withCorrelationIds(bindings, rawRequest.headers), opts, rawRequest)

  app.withTypeProvider<TypeBoxTypeProvider>().route({
    method: 'GET',
    url: GetItemJobInstanceState.url,
    schema: documentedSchema(app),
    ...(isLogging(app) && { childLoggerFactory: correlatedLogger }),
    onRequest,
    // The headers are in the schema for its readers: who asks is authentication's to judge, and the ids may be absent.
    validatorCompiler: ({ httpPart }) => httpPart === 'params' ? validateParams : () => true,
    handler: (request, reply) => {
      new Poll(reply, deadlines).ask(resolveJobState, request.params)
    },
    serializerCompiler: ({ httpStatus }) => httpStatus === '200' ? serializeState : serializeFailure,
    errorHandler: sendFailure
  })
}, { name: 'fastify-fabric-job-state', fastify: '5.x', encapsulate: true })

/** False for `logger: false`, a logger whose child is itself; to make one for each poll all the same costs 0.3 µs. */
function isLogging ({ log }: FastifyInstance): boolean {
  return log.child({}) !== log
}

/** The hooks that let nobody pass but Fabric: its own, a parent scope's, or none where the host says so. */
function authenticationHooks (app: FastifyInstance, authentication: FabricJobStateOptions['authentication']) {
  if (authentication === false) {
    app.log.warn('authentication: false: whoever reaches this server is told the states of its jobs')
    return []
  }
  if (authentication !== undefined) return [createAuthenticationHook(app, authentication)]
  if (app.hasDecorator('authenticateSubjectAndApp')) return [app.authenticateSubjectAndApp]
  throw refusal('say who is Fabric: authentication: { publisherTenantId, audience, clientId }; ' +
    'or register subjectAndApp in a parent scope; or let everybody pass with authentication: false')
}

/** Where a path parameter is longer, Fastify answers 414 by itself, in its own form. */
const LONGEST_PARAM = 256

function warnOfShortParams (app: FastifyInstance): void {
  const { maxParamLength, routerOptions } = app.initialConfig
  const limit = routerOptions?.maxParamLength ?? maxParamLength
  if (limit !== undefined && limit < LONGEST_PARAM) {
    const write = `Fastify({ routerOptions: { maxParamLength: ${LONGEST_PARAM} } })`
    app.log.warn(`A job type can be longer than maxParamLength, ${limit}: write ${write}`)
  }
}

function sendFailure (error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode, body } = toErrorResponse(error)
  logFailure(reply, error, statusCode)
  send(reply, statusCode, body)
}

function logFailure ({ log, raw }: FastifyReply, error: unknown, statusCode: number): void {
  if (hasClientGone(raw)) {
    log.info({ err: loggableError(error) }, 'The client closed the connection before the answer')
  } else if (statusCode >= 500) {
    log.error({ err: loggableError(error) }, 'The state of the job could not be told')
  } else if (!(error instanceof WorkloadError) || 'cause' in error) {
    // Any other 4xx has told the caller all that there is.
    log.info({ err: loggableError(error) }, 'The poll was refused')
  }
}

// The route sends text. What Fastify gives to its serializers is an object that the host's hooks, or its error handler
// after a failure of those, send in its place.

/** @throws {WorkloadError} which is sent instead. */
function serializeState (answer: JobState): string {
  return JSON.stringify(checkedJobState(answer))
}

function serializeFailure (error: unknown): string {
  return JSON.stringify(toErrorResponse(error).body)
}
