import Fastify from 'fastify'

import fabricJobState from '../../../lib/index.js'
import type { Listen } from '../contenders.js'
import { sampleResolver } from '../sample.js'

/** This plugin, with its defaults for the options that are left out. */
export const listen: Listen = async ({ tokenCacheSize, resolverTimeout, ...options }, registration) => {
  const app = Fastify({ routerOptions: { maxParamLength: 256 } })
  await app.register(fabricJobState, {
    resolveJobState: sampleResolver(options),
    ...(resolverTimeout !== undefined && { resolverTimeout }),
    authentication: tokenCacheSize === undefined ? false : { ...registration, tokenCacheSize }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}
