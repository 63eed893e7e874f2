import Fastify, { type FastifyInstance } from 'fastify'

import { GetItemJobInstanceState } from '../../../schemas/index.js'
import type { ContenderOptions, Listen } from '../contenders.js'
import { sampleResolver } from '../sample.js'

/** Fastify with the contract's schemas and nothing else: the cost of the same route written by hand. */
export const listen: Listen = async (options) => {
  const app = Fastify({ routerOptions: { maxParamLength: 256 } })
  addRoute(app, options)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}

/** The route with the contract's schemas. The plugin leaves the headers to authentication, so they are not validated here. */
export function addRoute (app: FastifyInstance, options: ContenderOptions): void {
  const { headers, ...schema } = GetItemJobInstanceState.schema
  app.get(GetItemJobInstanceState.url, { schema }, sampleResolver(options))
}
