import type { FastifyPluginAsync } from 'fastify'

import { apisOf } from './apis.js'
import { encapsulated } from './encapsulated.js'
import { checkCallbacks, type FabricJobStateOptions } from './options.js'
import { register } from './register.js'

/**
 * Serves the state endpoint of the contract:
 * `GET {prefix}/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}`.
 *
 * With the option `api` it also serves, or serves only, the experimental `POST …/jobs/onGetJobInstanceStatus` of the
 * Extensibility Toolkit.
 *
 * Every body that it sends is the contract's `ItemJobInstanceState` (200) or `ErrorResponse` (any other status). The plugin
 * is encapsulated: it does not affect other routes, and it can be registered several times.
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
export const fabricJobState: FastifyPluginAsync<FabricJobStateOptions> = encapsulated('fastify-fabric-job-state', (app, given: FabricJobStateOptions) => {
  const options = checkCallbacks(app, given, ['resolveJobState'])
  const apis = apisOf(options)
  const services = register(app, options)
  for (const { serveState } of apis) serveState(app, services, options)
})
