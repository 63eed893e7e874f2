import Fastify from 'fastify'

import { definitions, GetItemJobInstanceState } from '../../../schemas/index.js'
import type { Listen } from '../contender.js'
import { sampleResolver } from '../sample.js'

/** Fastify with the contract's schemas and nothing else: what the route costs whoever writes it by hand. */
export const listen: Listen = async (options) => {
  const app = Fastify()
  for (const definition of definitions) app.addSchema(definition)
  app.get(GetItemJobInstanceState.url, { schema: GetItemJobInstanceState.schema }, sampleResolver(options))
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}
