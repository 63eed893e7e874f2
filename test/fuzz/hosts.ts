import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'

import fabricJobState, { type JobStateResolver, subjectAndApp, toErrorResponse } from '../../lib/index.js'
import type { InternalAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { RESOLVER_TIMEOUT } from './deliveries.js'
import { LONGEST_PARAM } from './targets.js'

/** One registration of the plugin. */
export interface Registration {
  prefix: string
  /** The callers that it accepts. */
  letsPass: 'everybody' | 'Fabric' | 'users of Fabric'
}

/** The registrations of a host. */
export const registrations: readonly Registration[] = [
  { prefix: '', letsPass: 'Fabric' },
  { prefix: '/shared', letsPass: 'Fabric' },
  { prefix: '/users', letsPass: 'users of Fabric' },
  { prefix: '/open', letsPass: 'everybody' }
]

/** A server with the plugin in it. */
export interface Host {
  name: string
  app: FastifyInstance
  /** Whether Fastify's own errors conform to the contract. */
  isFormal: boolean
  /** Whether it responds with 503 to slow handlers. */
  limitsHandlers: boolean
}

export interface HostOptions {
  authentication: InternalAuthenticationOptions
  resolveJobState: JobStateResolver
  /** Called with each line of the log. */
  onLogLine: (line: string) => void
}

/** One host with Fastify's defaults, which logs everything, and one with its own handlers, which logs nothing. */
export async function makeHosts (options: HostOptions): Promise<Host[]> {
  const routerOptions = { maxParamLength: LONGEST_PARAM }
  const logging = Fastify({ routerOptions, logger: { level: 'trace', stream: { write: options.onLogLine } } })
  const opinionated = Fastify({
    routerOptions,
    handlerTimeout: RESOLVER_TIMEOUT * 0.6,
    frameworkErrors: (error, _request, reply) => sendError(error, reply)
  })
  opinionated.setErrorHandler((error, _request, reply) => sendError(error, reply))
  opinionated.setReplySerializer((value) => JSON.stringify({ replied: value }))
  opinionated.addHook('onSend', async (_request, _reply, payload) => payload)

  const hosts = [
    { name: 'logging', app: logging, isFormal: false, limitsHandlers: false },
    { name: 'opinionated', app: opinionated, isFormal: true, limitsHandlers: true }
  ]
  for (const { app } of hosts) {
    await register(app, options)
    await app.listen({ host: '127.0.0.1', port: 0 })
  }
  return hosts
}

function sendError (error: unknown, reply: FastifyReply): void {
  const { statusCode, body } = toErrorResponse(error)
  reply
    .code(statusCode)
    .type('application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .serializer(JSON.stringify)
    .send(body)
}

async function register (app: FastifyInstance, { authentication, resolveJobState }: HostOptions): Promise<void> {
  const common = { resolveJobState, resolverTimeout: RESOLVER_TIMEOUT }
  await app.register(fabricJobState, { ...common, authentication })
  await app.register(fabricJobState, {
    ...common, prefix: '/users', authentication: { ...authentication, subjectToken: 'required', tokenCacheSize: 0 }
  })
  await app.register(fabricJobState, { ...common, prefix: '/open', authentication: false })
  await app.register(async (scope) => {
    await scope.register(subjectAndApp, { ...authentication, tokenCacheSize: 100 })
    await scope.register(fabricJobState, { ...common, prefix: '/shared' })
  })
}
