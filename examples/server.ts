// A workload server: Fabric creates jobs here, asks for their state, and cancels them. `npm start` builds and runs it.
import { fabricJobs } from 'fastify-fabric-job-state'

import { apiPage } from './workload/api-page.js'
import { fabricOrDevelopment, registerAuthentication } from './workload/authentication.js'
import { fabricPage } from './workload/fabric-page.js'
import { health } from './workload/health.js'
import { pgBossForecasts } from './workload/pg-boss-forecasts.js'
import { openPgBoss } from './workload/postgres.js'
import { createServer, serve, start } from './workload/serve.js'

await start(async (settings) => {
  const { host, port, drainSeconds } = settings
  const prefix = '/workload-api'
  const app = createServer(settings)

  // Only Fabric is accepted.
  const { authentication, fabric, headersFile, closeIssuer } = await fabricOrDevelopment(settings)
  await registerAuthentication(app, authentication)

  const { boss, store, askBoss, closeBoss } = await openPgBoss(settings, app.log)
  const forecasts = await pgBossForecasts(boss, app.log)

  // For Kubernetes and load balancers: /health/live and /health/ready.
  await app.register(health, { askEngine: askBoss, drainSeconds })
  // For people: the API at /documentation; on this machine also a page that simulates Fabric, at /.
  await app.register(apiPage, { fabric, api: prefix })
  await app.register(fabricPage, { fabric, api: prefix, host })
  // For Fabric: create, state and cancel, in both of its APIs.
  await app.register(fabricJobs, { prefix, api: 'both', ...forecasts })

  return await serve(app, { host, port, prefix, headersFile, store, close: [closeBoss, closeIssuer] })
})
