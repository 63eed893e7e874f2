import Fastify from 'fastify'

import { GetItemJobInstanceState } from '../../../schemas/index.js'
import type { Listen } from '../contender.js'
import { sampleResolver } from '../sample.js'

/** Fastify with a route and nothing else. */
export const listen: Listen = async (options) => {
  const app = Fastify()
  app.get(GetItemJobInstanceState.url, sampleResolver(options))
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}
