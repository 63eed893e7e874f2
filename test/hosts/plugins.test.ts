import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, on } from 'node:events'

import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import underPressure from '@fastify/under-pressure'
import { context, type Context, type ContextManager, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance } from 'fastify'
import t from 'tap'

import { toErrorResponse, WorkloadError } from '../../lib/index.js'
import { holdToContract, sampleState } from '../helpers/poll.js'
import { compareOwnRoutes, hostTwice } from './host.js'

t.test('under @fastify/helmet a poll has the host\'s security headers', async (t) => {
  const host = await hostTwice(t, { prepare: (app) => app.register(helmet) })
  const answer = await host.app.inject(await host.poll())
  t.match(answer, { statusCode: 200, headers: { 'x-content-type-options': 'nosniff', 'content-security-policy': /default-src/ } })
  t.same(holdToContract(t, answer), sampleState)
  const unauthenticated = await host.app.inject({ ...await host.poll(), headers: {} })
  t.match(unauthenticated, { statusCode: 401, headers: { 'x-content-type-options': 'nosniff' } })
  t.match(holdToContract(t, unauthenticated), { errorCode: 'AuthenticationFailed' })
  await compareOwnRoutes(t, host)
})

t.test('under @fastify/cors the host says who may read, and a preflight is the host\'s to answer', async (t) => {
  const host = await hostTwice(t, { prepare: (app) => app.register(cors, { origin: 'https://contoso.example' }) })
  const poll = await host.poll()
  const answer = await host.app.inject(poll)
  t.match(answer, { statusCode: 200, headers: { 'access-control-allow-origin': 'https://contoso.example' } })
  t.same(holdToContract(t, answer), sampleState)
  const preflight = { origin: 'https://contoso.example', 'access-control-request-method': 'GET' }
  t.match(await host.app.inject({ method: 'OPTIONS', url: poll.url, headers: preflight }), { statusCode: 204, body: '' })
  await compareOwnRoutes(t, host)
})

t.test('under @fastify/rate-limit', async (t) => {
  const tooMany = { errorCode: 'TooManyRequests', message: /^Rate limit exceeded/, source: 'User', isPermanent: false }

  t.test('a poll too many is a 429 of the contract\'s form, with Retry-After; other polls count on', async (t) => {
    const host = await hostTwice(t, { prepare: (app) => app.register(rateLimit, { max: 2, timeWindow: 60_000 }) })
    const poll = await host.poll()
    for (const remaining of ['1', '0']) {
      const answer = await host.app.inject(poll)
      t.match(answer, { statusCode: 200, headers: { 'x-ratelimit-remaining': remaining } })
      t.same(holdToContract(t, answer), sampleState)
    }
    const refused = await host.app.inject(poll)
    t.match(refused, { statusCode: 429, headers: { 'retry-after': /^[1-9]\d?$/, 'x-ratelimit-remaining': '0' } })
    t.match(holdToContract(t, refused), tooMany)
    t.equal((await host.app.inject({ ...poll, remoteAddress: '127.0.0.2' })).statusCode, 200)
  })

  t.test('the host\'s own routes are limited as before', async (t) => {
    // Those that count seconds down, and would differ between the two.
    const [addHeaders, addHeadersOnExceeding] = [
      { 'x-ratelimit-reset': false, 'retry-after': false }, { 'x-ratelimit-reset': false }
    ]
    const prepare = (app: FastifyInstance) => app.register(rateLimit, { max: 2, addHeaders, addHeadersOnExceeding })
    const host = await hostTwice(t, { prepare })
    const own = Array.from({ length: 3 }, () => ({ url: '/host/1' }))
    await compareOwnRoutes(t, host, own)
    t.equal((await host.app.inject('/host/1')).statusCode, 429)
  })

  t.test('a ban is a 403 of the contract\'s form', async (t) => {
    const host = await hostTwice(t, { prepare: (app) => app.register(rateLimit, { max: 1, ban: 0 }) })
    const poll = await host.poll()
    await host.app.inject(poll)
    const banned = await host.app.inject(poll)
    t.equal(banned.statusCode, 403)
    t.match(holdToContract(t, banned), { errorCode: 'Forbidden', source: 'User', isPermanent: true })
  })

  t.test('the host\'s errorResponseBuilder, an object with a statusCode, is brought into the contract\'s form', async (t) => {
    const errorResponseBuilder = () => ({ statusCode: 429, error: 'Too Many Requests', message: 'Rate limit exceeded: wait.' })
    const host = await hostTwice(t, { prepare: (app) => app.register(rateLimit, { max: 1, errorResponseBuilder }) })
    const poll = await host.poll()
    await host.app.inject(poll)
    const refused = await host.app.inject(poll)
    t.equal(refused.statusCode, 429)
    t.match(holdToContract(t, refused), tooMany)
  })

  t.test('refused requests are counted with app.addHook(\'onRequest\', app.rateLimit())', async (t) => {
    const inHook = async (app: FastifyInstance) => {
      await app.register(rateLimit, { max: 2, global: false })
      app.addHook('onRequest', app.rateLimit())
    }
    for (const [prepare, statuses] of [
      [inHook, [401, 401, 429]],
      // The limit of each route stands behind the route's authentication.
      [(app: FastifyInstance) => app.register(rateLimit, { max: 2 }), [401, 401, 401]]
    ] as const) {
      const host = await hostTwice(t, { prepare })
      const poll = await host.poll()
      const answers = []
      for (let i = 0; i < 3; i++) answers.push(await host.app.inject({ ...poll, headers: {} }))
      t.same(answers.map(({ statusCode }) => statusCode), statuses)
      for (const answer of answers) holdToContract(t, answer)
    }
  })
})

t.test('under @fastify/under-pressure', async (t) => {
  const overloaded = {
    errorCode: 'ServiceUnavailable', message: 'The workload responded: Service Unavailable.', source: 'System', isPermanent: false
  }

  t.test('a poll that is shed is a 503 of the contract\'s form, with Retry-After, before anything else is looked at', async (t) => {
    let isHealthy = true
    const checks = new EventEmitter()
    const healthCheck = async (app: FastifyInstance) => {
      checks.emit('check', app)
      return isHealthy
    }
    /** At the second check of the host from now on it has taken in the outcome of the first. */
    const checked = async (app: FastifyInstance) => {
      let count = 0
      for await (const [of] of on(checks, 'check')) if (of === app && ++count === 2) return
    }
    let calls = 0
    const host = await hostTwice(t, {
      prepare: (app) => app.register(underPressure, { healthCheck, healthCheckInterval: 1, retryAfter: 60 }),
      options: { resolveJobState: () => { calls++; return sampleState } }
    })
    // The timer of the checks keeps no process alive; a server does.
    for (const app of [host.alone, host.app]) await app.listen({ host: '127.0.0.1', port: 0 })
    const poll = await host.poll()
    t.same(holdToContract(t, await host.app.inject(poll)), sampleState)
    isHealthy = false
    await Promise.all([checked(host.app), checked(host.alone)])
    for (const headers of [poll.headers, {}]) {
      const shed = await host.app.inject({ ...poll, headers })
      t.match(shed, { statusCode: 503, headers: { 'retry-after': '60' } })
      t.same(holdToContract(t, shed), overloaded)
    }
    t.equal(calls, 1)

    await compareOwnRoutes(t, host)
    isHealthy = true
    await checked(host.app)
    t.same(holdToContract(t, await host.app.inject(poll)), sampleState)
  })

  t.test('the host\'s customError may say more: a WorkloadError is sent as it is', async (t) => {
    class Overloaded extends WorkloadError {
      constructor () {
        super({ statusCode: 503, errorCode: 'Overloaded', message: 'Ask again in a minute.', source: 'System', isPermanent: false })
      }
    }
    const host = await hostTwice(t, {
      prepare: (app) => app.register(underPressure, {
        healthCheck: async () => false, healthCheckInterval: 60_000, customError: Overloaded
      })
    })
    const shed = await host.app.inject(await host.poll())
    t.match(shed, { statusCode: 503, headers: { 'retry-after': '10' } })
    t.same(holdToContract(t, shed), toErrorResponse(new Overloaded()).body)
    await compareOwnRoutes(t, host)
  })
})

/** The context manager of an OpenTelemetry SDK: it keeps the context across asynchronous calls. */
class AsyncContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active = () => this.#storage.getStore() ?? ROOT_CONTEXT
  with: ContextManager['with'] = (context, call, self, ...args) => this.#storage.run(context, () => call.call(self, ...args))
  bind: ContextManager['bind'] = (context, target) => target
  enable = () => this
  disable = () => this
}

t.test('under @fastify/otel', async (t) => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const instrumentation = new FastifyOtelInstrumentation()
  instrumentation.setTracerProvider(provider)
  context.setGlobalContextManager(new AsyncContext())
  t.after(() => context.disable())
  const spans = () => {
    const finished = exporter.getFinishedSpans().map((span) => ({
      name: span.name,
      attributes: span.attributes,
      status: span.status,
      events: span.events,
      id: span.spanContext().spanId,
      parent: span.parentSpanContext?.spanId
    }))
    exporter.reset()
    return finished
  }

  t.test('a poll is a span with its route and status, above those of its hooks, and active in the resolver', async (t) => {
    let active: string | undefined
    const host = await hostTwice(t, {
      prepare: (app) => app.register(instrumentation.plugin()),
      options: {
        resolveJobState: async () => {
          await new Promise(setImmediate)
          active = trace.getActiveSpan()?.spanContext().spanId
          return sampleState
        }
      }
    })
    const route = '/workload-api/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId'
    const poll = await host.poll()

    t.same(holdToContract(t, await host.app.inject(poll)), sampleState)
    const answered = spans()
    const request = answered.find(({ name }) => name === 'request')
    t.match(request, { attributes: { 'http.route': route, 'http.response.status_code': 200 }, status: { code: 0 } })
    t.match(answered.find(({ name }) => name === 'onRequest - authenticateSubjectAndApp'), { parent: request?.id })
    t.match(answered.find(({ id }) => id === active), { name: 'handler - handler', parent: request?.id })

    const unauthenticated = await host.app.inject({ ...poll, headers: {} })
    t.match(holdToContract(t, unauthenticated), { errorCode: 'AuthenticationFailed' })
    const refused = spans()
    t.match(refused.find(({ name }) => name === 'request'), {
      attributes: { 'http.route': route, 'http.response.status_code': 401 },
      status: { message: 'The request could not be authenticated.' }
    })
    t.notMatch(JSON.stringify([answered, refused]), /eyJ/, 'no token is in a span')
    await compareOwnRoutes(t, host)
    spans()
  })

  t.test('a failure is in its own poll\'s span, also at the deadline, which one timer keeps for all', async (t) => {
    const host = await hostTwice(t, {
      prepare: (app) => app.register(instrumentation.plugin()),
      options: { resolverTimeout: 5, resolveJobState: () => new Promise(() => {}) }
    })
    const poll = await host.poll()
    const answers = await Promise.all(Array.from({ length: 3 }, () => host.app.inject(poll)))
    for (const answer of answers) t.match(holdToContract(t, answer), { errorCode: 'ResolverTimeout' })
    t.match(spans().filter(({ name }) => name === 'request'), Array.from({ length: 3 }, () => ({
      attributes: { 'http.response.status_code': 504 },
      status: { code: 2 },
      events: [{ name: 'exception', attributes: { 'exception.message': /^The workload did not respond/ } }]
    })))
  })
})

t.test('under @fastify/swagger the host\'s own routes are documented as before, beside the poll', async (t) => {
  const host = await hostTwice(t, {
    prepare: (app) => app.register(swagger, { openapi: { info: { title: 'Workload', version: '1' } } })
  })
  t.same(holdToContract(t, await host.app.inject(await host.poll())), sampleState)
  await host.alone.ready()
  const [before, after] = [host.alone.swagger(), host.app.swagger()].map((document) => JSON.parse(JSON.stringify(document)))
  const paths = Object.entries(after.paths)
  t.same(Object.fromEntries(paths.filter(([path]) => path.startsWith('/host/'))), before.paths)
  t.equal(paths.length, Object.keys(before.paths).length + 1)
  await compareOwnRoutes(t, host)
})
