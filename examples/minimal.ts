// A minimal server with the plugin, over a Map. `npm run build && node dist/examples/minimal.js` runs it.
import fabricJobState, { type JobState } from 'fastify-fabric-job-state'
import Fastify from 'fastify'

const jobs = new Map<string, JobState>([
  ['63f77191-432d-4ee6-9c5f-31a1a6987072', { status: 'InProgress', startTimeUtc: new Date() }]
])

const app = Fastify({ logger: true, routerOptions: { maxParamLength: 256 } })
await app.register(fabricJobState, {
  prefix: '/workload-api',
  resolveJobState: ({ jobInstanceId }) => jobs.get(jobInstanceId),
  // Without authentication, for this machine only. To serve Fabric, write
  // authentication: { publisherTenantId, audience, clientId }, from the app registration of the workload.
  authentication: false
})
await app.listen({ port: Number(process.env.PORT ?? 3000) })

const item = 'workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334' +
  '/items/Contoso.FinanceAnalytics.Forecast/b14cb7e7-d346-4751-9cfd-8c2767d53111'
const job = 'jobTypes/calculateForecast/instances/63f77191-432d-4ee6-9c5f-31a1a6987072'
console.log(`curl ${app.listeningOrigin}/workload-api/${item}/${job}`)
