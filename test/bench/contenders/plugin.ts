import Fastify from 'fastify'

import fabricJobState from '../../../lib/index.js'
import { subjectAndApp } from '../../../lib/subject-and-app/plugin.js'
import type { Listen } from '../contender.js'
import { sampleResolver } from '../sample.js'

/** The plugin, with its defaults where nothing else is said. */
export const listen: Listen = async ({ isAuthenticated, tokenCacheSize, resolverTimeout, ...options }, registration) => {
  const app = Fastify()
  if (isAuthenticated) {
    await app.register(subjectAndApp, { ...registration, tokenCacheSize })
    app.addHook('onRequest', app.authenticateSubjectAndApp)
  }
  await app.register(fabricJobState, {
    resolveJobState: sampleResolver(options),
    ...(resolverTimeout !== undefined && { resolverTimeout }),
    authentication: false
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}
