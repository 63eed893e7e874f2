import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions, type InjectOptions } from 'fastify'
import type { Test } from 'tap'

import fabricJobState, { type FabricJobStateOptions } from '../../lib/index.js'
import { createFabric } from '../../lib/testing/index.js'
import { sampleState } from '../helpers/poll.js'

/** The server of a host, and what is registered before the plugin. */
export interface HostOptions {
  server?: FastifyServerOptions
  prepare?: (app: FastifyInstance) => unknown
  /** The plugin's. */
  options?: Partial<FabricJobStateOptions>
}

/** The host's own routes: one that answers, one that fails. */
export const ownRoutes: FastifyPluginAsync = async (app) => {
  app.get('/host/:id', async ({ params }) => ({ params }))
  app.get('/host/fails', async () => { throw new RangeError('the host\'s own') })
}

/** A host twice, without the plugin and with it, and a Fabric that it authenticates. */
export async function hostTwice (t: Test, { server, prepare = () => {}, options }: HostOptions = {}) {
  const fabric = createFabric()
  const [alone, app] = [Fastify(server), Fastify(server)]
  for (const host of [alone, app]) {
    t.after(() => host.close())
    await prepare(host)
    host.register(ownRoutes)
  }
  await app.register(fabricJobState, {
    resolveJobState: () => sampleState, authentication: fabric.authentication, prefix: '/workload-api', ...options
  })
  return { fabric, alone, app, poll: () => fabric.poll({ prefix: '/workload-api' }) }
}

const OWN_REQUESTS: InjectOptions[] = [
  { url: '/host/1' },
  { url: '/host/1', method: 'HEAD' },
  { url: '/host/fails' },
  { url: '/nowhere' },
  { url: '/workload-api/nowhere' }
]

/** Compares the responses of the host's own routes with those of the host without the plugin. */
export async function compareOwnRoutes (
  t: Test, { alone, app }: { alone: FastifyInstance, app: FastifyInstance }, requests = OWN_REQUESTS
): Promise<void> {
  for (const request of requests) {
    const [before, after] = [await alone.inject(request), await app.inject(request)].map((answer) => {
      const { date, ...headers } = answer.headers
      return { statusCode: answer.statusCode, headers, body: answer.body }
    })
    t.same(after, before, `${request.method ?? 'GET'} ${request.url} is answered as without the plugin`)
  }
}
