// Metrics and traces with OpenTelemetry, printed to the console: `npm run build && node dist/examples/metrics-opentelemetry.js`
// runs it. For a collector, replace the two exporters. Prometheus makes the names of metrics-prom-client.ts of these metrics.
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, type Meter, trace, type TracerProvider } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { ConsoleMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor, ConsoleSpanExporter } from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  diagnostics, fabricJobs, type FabricJobsOptions, type KeyFetchMessage, type RefusalMessage, type TokenLookupMessage
} from 'fastify-fabric-job-state'
import fastifyPlugin from 'fastify-plugin'

import { fabricOrDevelopment } from './workload/authentication.js'
import { memoryJobs } from './workload/memory-jobs.js'
import { errorCodeIn, operationOf } from './workload/response-labels.js'
import { createServer, serve, start } from './workload/serve.js'

/** Counts the requests of a scope by their responses, and measures the callbacks: with hooks of Fastify. */
const requestMetrics = fastifyPlugin(async (scope: FastifyInstance, { meter }: { meter: Meter }) => {
  const requests = meter.createCounter('fabric.job.requests', {
    description: 'Requests by operation, status and errorCode of the response'
  })
  const callbacks = meter.createHistogram('fabric.job.callback.duration', {
    description: 'Duration of the callbacks, until their deadline',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] }
  })
  const begins = new WeakMap<FastifyRequest, number>()
  const errorCodes = new WeakMap<FastifyRequest, string>()

  scope.addHook('preHandler', (request, _reply, done) => {
    begins.set(request, performance.now())
    done()
  })
  scope.addHook('onSend', (request, reply, body, done) => {
    const begin = begins.get(request)
    if (begin !== undefined) callbacks.record((performance.now() - begin) / 1000, { operation: operationOf(request) })
    if (reply.statusCode >= 400) errorCodes.set(request, errorCodeIn(body))
    done()
  })
  scope.addHook('onResponse', (request, reply, done) => {
    requests.add(1, { operation: operationOf(request), status: reply.statusCode, error_code: errorCodes.get(request) ?? '' })
    done()
  })
})

/** Counts the messages of the plugin's channels, from all servers in the process, until the server closes. */
const authenticationMetrics = fastifyPlugin(async (app: FastifyInstance, { meter }: { meter: Meter }) => {
  const refusals = meter.createCounter('fabric.job.refusals', {
    description: 'Refused requests by the reason, the token and its claim'
  })
  const lookups = meter.createCounter('fabric.job.token_lookups', {
    description: 'Tokens that were found in memory (hit), and that were not (miss)'
  })
  const fetches = meter.createHistogram('fabric.job.key_fetch.duration', {
    description: 'Duration of the fetches of signing keys, by outcome and HTTP status',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] }
  })
  const fetchedAt = meter.createGauge('fabric.job.signing_keys.fetched_timestamp', {
    description: 'When the signing keys in use were fetched', unit: 's'
  })
  const keys = meter.createGauge('fabric.job.signing_keys', { description: 'Number of signing keys in use' })

  const onRefusal = ({ code, token, claim }: RefusalMessage) => {
    const attributes = { code, token: token ?? '', claim: claim ?? '' }
    refusals.add(1, attributes)
    // The span of the request.
    trace.getActiveSpan()?.addEvent('refusal', attributes)
  }
  const onTokenLookup = ({ token, found }: TokenLookupMessage) => lookups.add(1, { token, result: found ? 'hit' : 'miss' })
  const onKeyFetch = ({ jwksUri, ok, status = 0, duration, keys: count }: KeyFetchMessage) => {
    fetches.record(duration / 1000, { result: ok ? 'ok' : 'failed', status })
    keys.record(count, { jwks_uri: jwksUri })
    if (ok) fetchedAt.record(Date.now() / 1000, { jwks_uri: jwksUri })
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

/** One span for each request, with its ActivityId, and in it one for the handler, which calls the callback. */
function requestTraces (tracerProvider: TracerProvider): FastifyOtelInstrumentation {
  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    requestHook: (span, { headers: { activityid } }) => {
      if (activityid !== undefined) span.setAttribute('fabric.activity_id', activityid)
    }
  })
  instrumentation.setTracerProvider(tracerProvider)
  return instrumentation
}

export interface Telemetry {
  meter: Meter
  tracerProvider: TracerProvider
}

/** Registers the plugin, its metrics and its traces. */
export async function workload (
  app: FastifyInstance, options: FabricJobsOptions & { prefix: string }, { meter, tracerProvider }: Telemetry
): Promise<void> {
  await app.register(authenticationMetrics, { meter })
  await app.register(requestTraces(tracerProvider).plugin())
  // The scope keeps the hooks away from the other routes.
  await app.register(async (scope) => {
    await scope.register(requestMetrics, { meter })
    await scope.register(fabricJobs, options)
  })
}

if (process.argv[1] === import.meta.filename) {
  // Spans of your database client, for instance, become children of the handler's.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const meterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter(), exportIntervalMillis: 10_000 })]
  })
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(new ConsoleSpanExporter())] })

  await start(async (settings) => {
    const prefix = '/workload-api'
    const { authentication, headersFile, closeIssuer } = await fabricOrDevelopment(settings)
    const app = createServer(settings)
    await workload(app, { prefix, authentication, ...memoryJobs() }, { meter: meterProvider.getMeter('fabric'), tracerProvider })
    return await serve(app, {
      ...settings,
      prefix,
      headersFile,
      store: 'memory',
      close: [closeIssuer, () => tracerProvider.shutdown(), () => meterProvider.shutdown()]
    })
  })
}
