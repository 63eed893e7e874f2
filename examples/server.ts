// A workload server: Fabric creates jobs here, asks for their state, and cancels them. `npm start` builds and runs it.
import { fabricJobs } from 'fastify-fabric-job-state'

import { apiPage } from './workload/api-page.js'
import { fabricOrDevelopment } from './workload/authentication.js'
import { fabricPage } from './workload/fabric-page.js'
import { pgBossForecasts } from './workload/pg-boss-forecasts.js'
import { openPgBoss } from './workload/postgres.js'
import { createServer, HOST, serve } from './workload/serve.js'

const { DATA_DIR = 'data', DATABASE_URL } = process.env
const prefix = '/workload-api'

const { authentication, fabric, headersFile, closeIssuer } = await fabricOrDevelopment(DATA_DIR)
const { boss, store, closeBoss } = await openPgBoss({ databaseUrl: DATABASE_URL, dataDir: DATA_DIR })
const forecasts = await pgBossForecasts(boss)

const app = createServer()
// To look at: the API, at /documentation; on this machine also a page that plays Fabric's part, at /.
await app.register(apiPage, { fabric, api: prefix })
await app.register(fabricPage, { fabric, api: prefix, host: HOST })
// Create, state and cancel, for Fabric alone, whichever of its APIs it calls.
await app.register(fabricJobs, { prefix, authentication, api: 'both', ...forecasts })

await serve(app, { prefix, headersFile, store, close: [closeBoss, closeIssuer] })
