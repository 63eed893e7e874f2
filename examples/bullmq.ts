// The workload server over Redis: as server.ts, but BullMQ keeps the jobs, in the Redis of REDIS_URL.
// `npm run build && node dist/examples/bullmq.js` runs it.
import { fabricJobs } from 'fastify-fabric-job-state'

import { apiPage } from './workload/api-page.js'
import { fabricOrDevelopment } from './workload/authentication.js'
import { BullmqForecasts } from './workload/bullmq-forecasts.js'
import { fabricPage } from './workload/fabric-page.js'
import { createServer, HOST, serve } from './workload/serve.js'

const { DATA_DIR = 'data', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env
const prefix = '/workload-api'

const { authentication, fabric, headersFile, closeIssuer } = await fabricOrDevelopment(DATA_DIR)
const forecasts = new BullmqForecasts(REDIS_URL)
await forecasts.work()

const app = createServer()
// The API page at /documentation; on this machine also a page that simulates Fabric, at /.
await app.register(apiPage, { fabric, api: prefix })
await app.register(fabricPage, { fabric, api: prefix, host: HOST })
// Create, state and cancel, for Fabric alone, whichever of its APIs it calls.
await app.register(fabricJobs, { prefix, authentication, api: 'both', ...forecasts.callbacks })

await serve(app, { prefix, headersFile, store: 'Redis', close: [() => forecasts.close(), closeIssuer] })
