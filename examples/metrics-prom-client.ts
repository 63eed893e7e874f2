// Metrics for Prometheus, at /metrics. `npm run build && node dist/examples/metrics-prom-client.js` runs it; a dashboard for
// Grafana is in metrics-dashboard.json.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  diagnostics, fabricJobs, type FabricJobsOptions, type KeyFetchMessage, type RefusalMessage, type TokenLookupMessage
} from 'fastify-fabric-job-state'
import fastifyPlugin from 'fastify-plugin'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import { fabricOrDevelopment } from './workload/authentication.js'
import { memoryJobs } from './workload/memory-jobs.js'
import { errorCodeIn, operationOf } from './workload/response-labels.js'
import { createServer, serve, start } from './workload/serve.js'

/** Counts the requests of a scope by their responses, and measures the callbacks: with hooks of Fastify. */
const requestMetrics = fastifyPlugin(async (scope: FastifyInstance, { registers }: { registers: Registry[] }) => {
  const requests = new Counter({
    name: 'fabric_job_requests_total',
    help: 'Requests by operation, status and errorCode of the response',
    labelNames: ['operation', 'status', 'error_code'],
    registers
  })
  const callbacks = new Histogram({
    name: 'fabric_job_callback_duration_seconds',
    help: 'Duration of the callbacks, until their deadline',
    labelNames: ['operation'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers
  })
  const endCallback = new WeakMap<FastifyRequest, () => number>()
  const errorCodes = new WeakMap<FastifyRequest, string>()

  scope.addHook('preHandler', (request, _reply, done) => {
    endCallback.set(request, callbacks.startTimer({ operation: operationOf(request) }))
    done()
  })
  scope.addHook('onSend', (request, reply, body, done) => {
    endCallback.get(request)?.()
    if (reply.statusCode >= 400) errorCodes.set(request, errorCodeIn(body))
    done()
  })
  scope.addHook('onResponse', (request, reply, done) => {
    requests.inc({ operation: operationOf(request), status: reply.statusCode, error_code: errorCodes.get(request) ?? '' })
    done()
  })
})

/** Counts the messages of the plugin's channels, from all servers in the process, until the server closes. */
const authenticationMetrics = fastifyPlugin(async (app: FastifyInstance, { registers }: { registers: Registry[] }) => {
  const refusals = new Counter({
    name: 'fabric_job_refusals_total',
    help: 'Refused requests by the reason, the token and its claim',
    labelNames: ['code', 'token', 'claim'],
    registers
  })
  const lookups = new Counter({
    name: 'fabric_job_token_lookups_total',
    help: 'Tokens that were found in memory (hit), and that were not (miss)',
    labelNames: ['token', 'result'],
    registers
  })
  const fetches = new Histogram({
    name: 'fabric_job_key_fetch_duration_seconds',
    help: 'Duration of the fetches of signing keys, by outcome and HTTP status',
    labelNames: ['result', 'status'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers
  })
  const fetchedAt = new Gauge({
    name: 'fabric_job_signing_keys_fetched_timestamp_seconds',
    help: 'When the signing keys in use were fetched; their age is time() minus this',
    labelNames: ['jwks_uri'],
    registers
  })
  const keys = new Gauge({
    name: 'fabric_job_signing_keys',
    help: 'Number of signing keys in use',
    labelNames: ['jwks_uri'],
    registers
  })

  const onRefusal = ({ code, token, claim }: RefusalMessage) => refusals.inc({ code, token: token ?? '', claim: claim ?? '' })
  const onTokenLookup = ({ token, found }: TokenLookupMessage) => lookups.inc({ token, result: found ? 'hit' : 'miss' })
  const onKeyFetch = ({ jwksUri, ok, status = 0, duration, keys: count }: KeyFetchMessage) => {
    fetches.observe({ result: ok ? 'ok' : 'failed', status }, duration / 1000)
    keys.set({ jwks_uri: jwksUri }, count)
    if (ok) fetchedAt.set({ jwks_uri: jwksUri }, Date.now() / 1000)
  }
  diagnostics.refusal.subscribe(onRefusal)
  diagnostics.tokenLookup.subscribe(onTokenLookup)
  diagnostics.keyFetch.subscribe(onKeyFetch)
  app.addHook('onClose', async () => {
    diagnostics.refusal.unsubscribe(onRefusal)
    diagnostics.tokenLookup.unsubscribe(onTokenLookup)
    diagnostics.keyFetch.unsubscribe(onKeyFetch)
  })
})

/** Registers the plugin and its metrics. `/metrics` is open to anyone who can reach the server: restrict it in yours. */
export async function workload (app: FastifyInstance, options: FabricJobsOptions & { prefix: string }): Promise<void> {
  const registry = new Registry()
  const registers = [registry]
  await app.register(authenticationMetrics, { registers })
  // The scope keeps the hooks away from the other routes.
  await app.register(async (scope) => {
    await scope.register(requestMetrics, { registers })
    await scope.register(fabricJobs, options)
  })
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}

if (process.argv[1] === import.meta.filename) {
  await start(async (settings) => {
    const prefix = '/workload-api'
    const { authentication, headersFile, closeIssuer } = await fabricOrDevelopment(settings)
    const app = createServer(settings)
    await workload(app, { prefix, authentication, ...memoryJobs() })
    const stop = await serve(app, { ...settings, prefix, headersFile, store: 'memory', close: [closeIssuer] })
    app.log.info({ url: `${app.listeningOrigin}/metrics` }, 'Metrics')
    if (process.stdout.isTTY) console.log(`Metrics: ${app.listeningOrigin}/metrics`)
    return stop
  })
}
