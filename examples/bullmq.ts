// The workload server over Redis: as server.ts, but BullMQ keeps the jobs, in the Redis of REDIS_URL.
// `npm run build && node dist/examples/bullmq.js` runs it.
import fabricJobState, { subjectAndApp } from 'fastify-fabric-job-state'
import { bullmqJobState } from 'fastify-fabric-job-state/bullmq'

import { apiPage } from './workload/api-page.js'
import { fabricOrDevelopment } from './workload/authentication.js'
import { BullmqForecasts } from './workload/bullmq-forecasts.js'
import { fabricPage } from './workload/fabric-page.js'
import { jobRoutes } from './workload/job-routes.js'
import { createServer, HOST, serve } from './workload/serve.js'

const { DATA_DIR = 'data', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env
const prefix = '/workload-api'

const { authentication, fabric, headersFile, closeIssuer } = await fabricOrDevelopment(DATA_DIR)
const forecasts = new BullmqForecasts(REDIS_URL)
await forecasts.work()

const app = createServer()
// To look at: the API, at /documentation; on this machine also a page that plays Fabric's part, at /.
await app.register(apiPage, { fabric, api: prefix })
await app.register(fabricPage, { fabric, api: prefix, host: HOST })
await app.register(async (workload) => {
  // All three calls are Fabric's alone.
  await workload.register(subjectAndApp, authentication)
  // How is the job doing? The plugin answers, from the engine.
  await workload.register(fabricJobState, { resolveJobState: bullmqJobState(forecasts.queue) })
  // Start it, cancel it.
  await workload.register(jobRoutes, { jobs: forecasts })
}, { prefix })

await serve(app, { prefix, headersFile, store: 'Redis', close: [() => forecasts.close(), closeIssuer] })
