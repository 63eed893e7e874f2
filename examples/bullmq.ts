// The workload server over Redis: as server.ts, but BullMQ keeps the jobs, in the Redis of REDIS_URL.
// `npm run build && node dist/examples/bullmq.js` runs it.
import fabricJobState, { subjectAndApp } from 'fastify-fabric-job-state'
import { bullmqJobState } from 'fastify-fabric-job-state/bullmq'

import { fabricOrDevelopment } from './workload/authentication.js'
import { BullmqForecasts } from './workload/bullmq-forecasts.js'
import { jobRoutes } from './workload/job-routes.js'
import { createServer, serve } from './workload/serve.js'

const { DATA_DIR = 'data', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env
const prefix = '/workload-api'

const { authentication, headersFile, closeIssuer } = await fabricOrDevelopment(DATA_DIR)
const forecasts = new BullmqForecasts(REDIS_URL)
await forecasts.work()

const app = createServer()
await app.register(async (workload) => {
  // All three calls are Fabric's alone.
  await workload.register(subjectAndApp, authentication)
  // How is the job doing? The plugin answers, from the engine.
  await workload.register(fabricJobState, { resolveJobState: bullmqJobState(forecasts.queue) })
  // Start it, cancel it.
  await workload.register(jobRoutes, { jobs: forecasts })
}, { prefix })

await serve(app, { prefix, headersFile, store: 'Redis', close: [() => forecasts.close(), closeIssuer] })
