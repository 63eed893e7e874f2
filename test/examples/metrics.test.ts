import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { context, type Span, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality, DataPointType, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance } from 'fastify'
import { diagnostics, type FabricJobsOptions } from 'fastify-fabric-job-state'
import { createFabric, type Fabric, type Poll } from 'fastify-fabric-job-state/testing'
import t from 'tap'

import * as openTelemetry from '../../examples/metrics-opentelemetry.js'
import * as prometheus from '../../examples/metrics-prom-client.js'
import { memoryJobs } from '../../examples/workload/memory-jobs.js'
import { createServer } from '../../examples/workload/serve.js'

/** The values of metrics, by name and labels in the form of Prometheus. */
type Series = Record<string, number>

interface Host {
  app: FastifyInstance
  read: () => Promise<Series>
}

type Start = (options: FabricJobsOptions & { prefix: string }) => Promise<Host>

async function startPrometheus (options: FabricJobsOptions & { prefix: string }): Promise<Host> {
  const app = createServer({ logLevel: 'silent' })
  await prometheus.workload(app, options)
  return {
    app,
    async read () {
      const { body } = await app.inject('/metrics')
      const lines = [...body.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)]
      return Object.fromEntries(lines.map(([, name = '', labels = '', value]) => [
        seriesOf(name, [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', text = '']) => [label, text])), Number(value)
      ]))
    }
  }
}

async function startOpenTelemetry (options: FabricJobsOptions & { prefix: string }, spans = new InMemorySpanExporter()): Promise<Host> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const app = createServer({ logLevel: 'silent' })
  await openTelemetry.workload(app, options, { meter: meterProvider.getMeter('test'), tracerProvider })
  app.addHook('onClose', () => meterProvider.shutdown())
  return {
    app,
    async read () {
      const { resourceMetrics } = await reader.collect()
      const series: Series = {}
      for (const { descriptor, dataPointType, dataPoints } of resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)) {
        // As Prometheus translates the names of OpenTelemetry.
        const name = descriptor.name.replaceAll('.', '_') + (descriptor.unit === 's' ? '_seconds' : '')
        for (const { attributes, value } of dataPoints) {
          const labels = Object.entries(attributes).map(([label, text]) => [label, String(text)] as const)
          if (typeof value !== 'number') {
            series[seriesOf(`${name}_count`, labels)] = value.count ?? NaN
            series[seriesOf(`${name}_sum`, labels)] = value.sum ?? NaN
          } else series[seriesOf(dataPointType === DataPointType.SUM ? `${name}_total` : name, labels)] = value
        }
      }
      return series
    }
  }
}

/** Removes empty labels, which are absent for Prometheus. */
function seriesOf (name: string, labels: Iterable<readonly [string, string]>): string {
  const parts = [...labels].filter(([, text]) => text !== '').map(([label, text]) => `${label}="${text}"`)
  return `${name}{${parts.sort().join()}}`
}

/** The differences of two samples: counters, and the numbers of measured durations. */
function counted (before: Series, after: Series): Series {
  return Object.fromEntries(Object.entries(after)
    .map(([series, value]) => [series, value - (before[series] ?? 0)] as const)
    .filter(([series, value]) => /^\w+_(?:total|count)\{/.test(series) && value !== 0))
}

const NO_JOB = randomUUID()
const FAILING = randomUUID()
const prefix = '/workload-api'

function optionsOf (fabric: Fabric, durations: number[] = []): FabricJobsOptions & { prefix: string } {
  return {
    prefix,
    authentication: fabric.authentication,
    createJobInstance () {},
    cancelJobInstance: () => ({ status: 'Cancelled' }),
    async resolveJobState ({ jobInstanceId }) {
      const begin = performance.now()
      await new Promise(setImmediate)
      durations.push(performance.now() - begin)
      if (jobInstanceId === FAILING) throw new Error('The database failed')
      return jobInstanceId === NO_JOB ? null : { status: 'InProgress' }
    }
  }
}

type Sent = Pick<Poll, 'url'> & { headers: Record<string, string> }

interface Kind {
  name: string
  poll: () => Sent | Promise<Sent>
  /** The metrics that one poll increases. */
  adds: string[]
}

const CALLBACK = 'fabric_job_callback_duration_seconds_count{operation="state"}'
const response = (status: number, errorCode?: string) =>
  seriesOf('fabric_job_requests_total', [['operation', 'state'], ['status', `${status}`], ['error_code', errorCode ?? '']])
const refusal = (code: string, token = '', claim = '') => seriesOf('fabric_job_refusals_total', [['code', code], ['token', token], ['claim', claim]])
const lookup = (token: 'app' | 'subject', result: 'hit' | 'miss') => seriesOf('fabric_job_token_lookups_total', [['token', token], ['result', result]])
const SEEN = [lookup('app', 'hit'), lookup('subject', 'hit')]
const UNAUTHENTICATED = response(401, 'AuthenticationFailed')

/** Ten kinds of polls. The server has cached the two tokens of `seen`. */
async function kindsOf (fabric: Fabric, seen: { appToken: string, subjectToken: string }): Promise<Kind[]> {
  const good = await fabric.poll({ prefix, ...seen })
  const of = (jobInstanceId: string) => ({ ...good, url: good.url.replace(/[^/]+$/, jobInstanceId) })
  const withTokens = (tokens: object) => fabric.poll({ prefix, ...seen, ...tokens })
  const { authorization, ...withoutTokens } = good.headers
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const [forged, wrongAudience, expired] = await Promise.all([
    withTokens({ subjectToken: { key: privateKey } }),
    withTokens({ appToken: { claims: { aud: 'api://contoso.example' } } }),
    withTokens({ appToken: { claims: { exp: Math.floor(Date.now() / 1000) - 300 } } })
  ])
  return [
    { name: 'seen', poll: () => good, adds: [response(200), CALLBACK, ...SEEN] },
    {
      name: 'never seen',
      poll: () => withTokens({ subjectToken: { claims: { oid: randomUUID() } } }),
      adds: [response(200), CALLBACK, lookup('app', 'hit'), lookup('subject', 'miss')]
    },
    { name: 'bad id', poll: () => of('not-a-uuid'), adds: [response(400, 'InvalidParameter'), ...SEEN] },
    { name: 'no job', poll: () => of(NO_JOB), adds: [response(404, 'JobInstanceNotFound'), CALLBACK, ...SEEN] },
    { name: 'resolver fails', poll: () => of(FAILING), adds: [response(500, 'InternalError'), CALLBACK, ...SEEN] },
    {
      name: 'no token',
      poll: () => ({ ...good, headers: withoutTokens }),
      adds: [UNAUTHENTICATED, refusal('AuthorizationMissing')]
    },
    {
      name: 'forged',
      poll: () => forged,
      adds: [UNAUTHENTICATED, refusal('InvalidSignature', 'subject'), lookup('app', 'hit'), lookup('subject', 'miss')]
    },
    {
      name: 'wrong audience',
      poll: () => wrongAudience,
      adds: [UNAUTHENTICATED, refusal('UnexpectedClaim', 'app', 'aud'), lookup('app', 'miss')]
    },
    {
      name: 'expired',
      poll: () => expired,
      adds: [UNAUTHENTICATED, refusal('TokenExpired', 'app', 'exp'), lookup('app', 'miss'), lookup('subject', 'hit')]
    },
    {
      name: 'no scope',
      poll: () => withTokens({ subjectToken: { claims: { oid: randomUUID(), scp: 'Item.Read.All' } } }),
      adds: [response(403, 'InsufficientScope'), refusal('UnexpectedClaim', 'subject', 'scp'), lookup('app', 'hit'), lookup('subject', 'miss')]
    }
  ]
}

const OF_EACH_KIND = 100
const AT_ONCE = 20

for (const [name, start] of Object.entries<Start>({ 'prom-client': startPrometheus, OpenTelemetry: startOpenTelemetry })) {
  t.test(`with ${name}, the metrics before and after 1,000 polls of ten kinds differ by the sent polls`, async (t) => {
    const durations: number[] = []
    const fabric = createFabric()
    const { app, read } = await start(optionsOf(fabric, durations))
    t.teardown(() => app.close())
    const origin = await app.listen({ host: '127.0.0.1', port: 0 })
    const send = async ({ url, headers }: Sent) => {
      const response = await fetch(origin + url, { headers })
      await response.arrayBuffer()
    }

    const seen = { appToken: await fabric.appToken(), subjectToken: await fabric.subjectToken() }
    await send(await fabric.poll({ prefix, ...seen }))
    const kinds = await kindsOf(fabric, seen)
    const before = await read()
    durations.length = 0

    const expected: Series = {}
    const polls = Array.from({ length: OF_EACH_KIND }, () => kinds).flat()
    t.equal(polls.length, 1_000)
    while (polls.length > 0) {
      await Promise.all(polls.splice(0, AT_ONCE).map(async ({ poll, adds }) => {
        for (const series of adds) expected[series] = (expected[series] ?? 0) + 1
        await send(await poll())
      }))
    }
    const after = await read()
    t.strictSame(sorted(counted(before, after)), sorted(expected))

    const sum = 'fabric_job_callback_duration_seconds_sum{operation="state"}'
    const inCallbacks = durations.reduce((total, each) => total + each, 0) / 1000
    t.ok(Number(after[sum]) - Number(before[sum]) >= inCallbacks, 'the callbacks are measured as a whole')
  })

  t.test(`with ${name}, the age and the number of the signing keys and the outcome of their fetches are measured`, async (t) => {
    const fabric = createFabric()
    const { authentication, close, jwksUri } = await fabric.listen()
    t.teardown(close)
    const { app, read } = await start({ ...optionsOf(fabric), authentication })
    t.teardown(() => app.close())
    const labels = `{jwks_uri="${jwksUri}"}`
    t.notOk(`fabric_job_signing_keys${labels}` in await read())
    const begin = Date.now() / 1000
    t.equal((await app.inject(await fabric.poll({ prefix }))).statusCode, 200)
    const series = await read()
    t.equal(series['fabric_job_key_fetch_duration_seconds_count{result="ok",status="200"}'], 1)
    t.equal(series[`fabric_job_signing_keys${labels}`], (await fabric.jwks()).keys.length)
    const fetchedAt = Number(series[`fabric_job_signing_keys_fetched_timestamp_seconds${labels}`])
    t.ok(fetchedAt >= begin && fetchedAt <= Date.now() / 1000)

    const refused = await start({ ...optionsOf(fabric), authentication: { ...authentication, jwksUri: `${jwksUri}/wrong` } })
    t.teardown(() => refused.app.close())
    t.equal((await refused.app.inject(await fabric.poll({ prefix }))).statusCode, 503)
    t.match(await refused.read(), { 'fabric_job_key_fetch_duration_seconds_count{result="failed",status="404"}': 1 })
  })

  t.test(`with ${name}, create and cancel are counted separately`, async (t) => {
    const fabric = createFabric()
    const { app, read } = await start(optionsOf(fabric))
    t.teardown(() => app.close())
    const poll = await fabric.poll({ prefix })
    const create = { ...poll, method: 'POST', payload: { invokeType: 'Manual' } } as const
    const cancel = { ...poll, method: 'POST', url: `${poll.url}/cancel` } as const
    for (const request of [create, { ...create, payload: {} }, cancel, { ...poll, method: 'HEAD' } as const]) await app.inject(request)
    t.match(await read(), {
      'fabric_job_requests_total{operation="create",status="202"}': 1,
      'fabric_job_requests_total{error_code="InvalidRequest",operation="create",status="400"}': 1,
      'fabric_job_requests_total{operation="cancel",status="200"}': 1,
      'fabric_job_requests_total{operation="state",status="200"}': 1,
      'fabric_job_callback_duration_seconds_count{operation="create"}': 1,
      'fabric_job_callback_duration_seconds_count{operation="cancel"}': 1
    })
  })

  t.test(`with ${name}, a closed server has no subscriber`, async (t) => {
    const { app } = await start(optionsOf(createFabric()))
    await app.ready()
    t.strictSame(Object.values(diagnostics).map(({ hasSubscribers }) => hasSubscribers), [true, true, true])
    await app.close()
    t.strictSame(Object.values(diagnostics).map(({ hasSubscribers }) => hasSubscribers), [false, false, false])
  })
}

function sorted (series: Series): Array<[string, number]> {
  return Object.entries(series).sort(([a], [b]) => a < b ? -1 : 1)
}

t.test('the metrics count the requests of both APIs by their operation', async (t) => {
  const fabric = createFabric()
  const app = createServer({ logLevel: 'silent' })
  t.teardown(() => app.close())
  await prometheus.workload(app, { prefix: '/api', api: 'both', authentication: fabric.authentication, ...memoryJobs() })

  const poll = await fabric.poll({ prefix: '/api' })
  const create = { ...poll, method: 'POST', payload: { invokeType: 'Manual' } } as const
  for (const request of [create, poll, poll, { ...poll, method: 'POST', url: `${poll.url}/cancel` } as const]) await app.inject(request)
  for (const operation of ['onCreateJobInstance', 'onGetJobInstanceStatus', 'onGetJobInstanceStatus', 'onCancelJobInstance'] as const) {
    await app.inject(await fabric.toolkitRequest(operation, { prefix: '/api' }))
  }
  const { body } = await app.inject('/metrics')
  t.strictSame(body.match(/^fabric_job_requests_total.*$/gm)?.sort(), [
    'fabric_job_requests_total{operation="cancel",status="200",error_code=""} 2',
    'fabric_job_requests_total{operation="create",status="201",error_code=""} 1',
    'fabric_job_requests_total{operation="create",status="202",error_code=""} 1',
    'fabric_job_requests_total{operation="state",status="200",error_code=""} 4'
  ])
})

t.test('with OpenTelemetry, a request has a span with its ActivityId, and its handler a child span in which the callback runs', async (t) => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  t.teardown(() => context.disable())
  const spans = new InMemorySpanExporter()
  const fabric = createFabric()
  let spanOfCallback: Span | undefined
  const resolveJobState = () => {
    spanOfCallback = trace.getActiveSpan()
    return null
  }
  const { app } = await startOpenTelemetry({ ...optionsOf(fabric), resolveJobState }, spans)
  t.teardown(() => app.close())
  const poll = await fabric.poll({ prefix })
  await app.inject(poll)
  const [handler, request, ...others] = spans.getFinishedSpans()
  t.match(request, { name: 'request', attributes: { 'fabric.activity_id': poll.headers.activityid, 'http.response.status_code': 404 } })
  t.match(handler, { name: /^handler/, parentSpanContext: { spanId: request?.spanContext().spanId } })
  t.equal(spanOfCallback?.spanContext().spanId, handler?.spanContext().spanId)
  t.strictSame(others, [])

  spans.reset()
  await app.inject({ ...poll, headers: { authorization: poll.headers.authorization } })
  t.match(spans.getFinishedSpans(), [{
    name: 'request', attributes: { 'http.response.status_code': 401 }, events: [{ name: 'refusal', attributes: { code: 'TenantMissing' } }]
  }])
})

t.test('the dashboard shows exactly the metrics of the examples, with their labels', async (t) => {
  const fabric = createFabric()
  const { app } = await startPrometheus(optionsOf(fabric))
  t.teardown(() => app.close())
  const help = (await app.inject('/metrics')).body
  const metrics = [...help.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => ({ name, type }))
  const labelsOf = new Map(Object.entries(documentedLabels()))
  t.strictSame([...labelsOf.keys()].sort(), metrics.map(({ name }) => name).sort(), 'docs/monitoring.md lists the metrics')

  const { panels } = JSON.parse(readFileSync('examples/metrics-dashboard.json', 'utf8'))
  const expressions: string[] = panels.flatMap(({ targets }: { targets: Array<{ expr: string }> }) => targets.map(({ expr }) => expr))
  const shown = new Set<string>()
  for (const expression of expressions) {
    const labels = [...expression.matchAll(/by \(([^)]*)\)/g), ...expression.matchAll(/\{(\w+)=/g)]
      .flatMap(([, list = '']) => list.split(', ')).filter((label) => label !== 'le')
    for (const [series] of expression.matchAll(/\bfabric_\w+/g)) {
      const metric = metrics.find(({ name, type }) => type === 'histogram' ? [`${name}_bucket`, `${name}_count`].includes(series) : series === name)
      t.ok(metric, `${series} is registered`)
      shown.add(metric?.name ?? '')
      t.strictSame(labels.filter((label) => !labelsOf.get(metric?.name ?? '')?.includes(label)), [], `${expression} groups by labels of the metric`)
    }
  }
  t.strictSame([...shown].sort(), metrics.map(({ name }) => name).sort())
})

/** The labels of each metric, as the table of docs/monitoring.md lists them. */
function documentedLabels (): Record<string, string[]> {
  const rows = readFileSync('docs/monitoring.md', 'utf8').matchAll(/^\| `(fabric_\w+)` \| ([^|]+) \|/gm)
  return Object.fromEntries([...rows].map(([, name = '', labels = '']) =>
    [name, [...labels.replace(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g)].map(([, label = '']) => label)]))
}
