// A workload server: Fabric starts jobs here, asks how they are doing, and cancels them. `npm start` builds and runs it.
import fabricJobState, { subjectAndApp } from 'fastify-fabric-job-state'
import { pgBossJobState } from 'fastify-fabric-job-state/pg-boss'

import { apiPage } from './workload/api-page.js'
import { fabricOrDevelopment } from './workload/authentication.js'
import { fabricPage } from './workload/fabric-page.js'
import { jobRoutes } from './workload/job-routes.js'
import { PgBossForecasts } from './workload/pg-boss-forecasts.js'
import { openPgBoss } from './workload/postgres.js'
import { createServer, HOST, serve } from './workload/serve.js'

const { DATA_DIR = 'data', DATABASE_URL } = process.env
const prefix = '/workload-api'

const { authentication, fabric, headersFile, closeIssuer } = await fabricOrDevelopment(DATA_DIR)
const { boss, store, closeBoss } = await openPgBoss({ databaseUrl: DATABASE_URL, dataDir: DATA_DIR })
const forecasts = new PgBossForecasts(boss)
await forecasts.work()

const app = createServer()
// To look at: the API, at /documentation; on this machine also a page that plays Fabric's part, at /.
await app.register(apiPage, { fabric, api: prefix })
await app.register(fabricPage, { fabric, api: prefix, host: HOST })
await app.register(async (workload) => {
  // All three calls are Fabric's alone.
  await workload.register(subjectAndApp, authentication)
  // How is the job doing? The plugin answers, from the engine.
  await workload.register(fabricJobState, { resolveJobState: pgBossJobState(boss) })
  // Start it, cancel it.
  await workload.register(jobRoutes, { jobs: forecasts })
}, { prefix })

await serve(app, { prefix, headersFile, store, close: [closeBoss, closeIssuer] })
