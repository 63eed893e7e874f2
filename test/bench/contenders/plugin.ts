import Fastify from 'fastify'

import fabricJobState from '../../../lib/index.js'
import type { Listen } from '../contender.js'
import { sampleResolver } from '../sample.js'

/** The plugin, with its defaults where nothing else is said. */
export const listen: Listen = async ({ isAuthenticated, tokenCacheSize, resolverTimeout, ...options }, registration) => {
  const app = Fastify()
  await app.register(fabricJobState, {
    resolveJobState: sampleResolver(options),
    ...(resolverTimeout !== undefined && { resolverTimeout }),
    authentication: isAuthenticated ? { ...registration, tokenCacheSize } : false
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}
