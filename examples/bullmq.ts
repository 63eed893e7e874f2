// The workload server over Redis: like server.ts, but BullMQ stores the jobs in the Redis of REDIS_URL.
// `npm run build && node dist/examples/bullmq.js` runs it.
import { fabricJobs } from 'fastify-fabric-job-state'

import { apiPage } from './workload/api-page.js'
import { fabricOrDevelopment, registerAuthentication } from './workload/authentication.js'
import { BullmqForecasts } from './workload/bullmq-forecasts.js'
import { fabricPage } from './workload/fabric-page.js'
import { health } from './workload/health.js'
import { createServer, serve, start } from './workload/serve.js'

await start(async (settings) => {
  const { host, port, redisUrl, drainSeconds } = settings
  const prefix = '/workload-api'
  const app = createServer(settings)

  // Only Fabric is accepted.
  const { authentication, fabric, headersFile, closeIssuer } = await fabricOrDevelopment(settings)
  await registerAuthentication(app, authentication)

  const forecasts = new BullmqForecasts(redisUrl, app.log)
  await forecasts.work()

  // For Kubernetes and load balancers: /health/live and /health/ready.
  await app.register(health, { askEngine: () => forecasts.ask(), drainSeconds })
  // For people: the API at /documentation; on this machine also a page that simulates Fabric, at /.
  await app.register(apiPage, { fabric, api: prefix })
  await app.register(fabricPage, { fabric, api: prefix, host })
  // For Fabric: create, state and cancel, in both of its APIs.
  await app.register(fabricJobs, { prefix, api: 'both', ...forecasts.callbacks })

  return await serve(app, { host, port, prefix, headersFile, store: 'Redis', close: [() => forecasts.close(), closeIssuer] })
})
