import type { FastifyPluginAsync } from 'fastify'

import { apisOf } from './apis.js'
import { encapsulated } from './encapsulated.js'
import { checkCallbacks, type FabricJobsOptions } from './options.js'
import { register } from './register.js'

/**
 * Serves the three endpoints of the contract's Jobs service under
 * `{prefix}/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}`:
 * `POST` creates a job instance (202), `GET` returns its state, `POST …/cancel` cancels it and returns its state.
 *
 * With the option `api` it also serves, or serves only, the experimental operations of the Extensibility Toolkit.
 *
 * Authentication, validation, the deadline and the format of responses are those of {@link fabricJobState}.
 *
 * @throws {TypeError} at registration, with a message that says what to write.
 *
 * @example
 * await app.register(fabricJobs, {
 *   prefix: '/workload-api',
 *   authentication: { publisherTenantId, audience, clientId },
 *   ...pgBossJobs(boss, { jobTypes: ['calculateForecast'] })
 * })
 */
export const fabricJobs: FastifyPluginAsync<FabricJobsOptions> = encapsulated('fastify-fabric-jobs', (app, given: FabricJobsOptions) => {
  const options = checkCallbacks(app, given, ['createJobInstance', 'resolveJobState', 'cancelJobInstance'])
  const apis = apisOf(options)
  const services = register(app, options)
  for (const { serveJobs } of apis) serveJobs(app, services, options)
})
