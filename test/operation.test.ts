import { once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'

import { Ajv } from 'ajv'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify'
import t from 'tap'

import fabricJobState, { type JobState, toErrorResponse, WorkloadError } from '../lib/index.js'
import { pending } from './helpers/pending.js'
import { holdToContract, host, pluginOptions, pollPath, recordedLog, sample, sampleState, workload } from './helpers/poll.js'

/** An error with additional properties, as hosts throw them. */
const errorWith = (properties: object, message = 'Slow down.') => Object.assign(new Error(message), properties)

t.test('The 503 of handlerTimeout stays the only response while a slow onSend hook runs', async (t) => {
  const outcomes: Array<[what: string, settle: (work: ReturnType<typeof pending<JobState | null>>) => void, logged: object[]]> = [
    ['returns a state', ({ resolve }) => resolve(sampleState), []],
    ['finds no job', ({ resolve }) => resolve(null), []],
    ['rejects', ({ reject }) => reject(new RangeError('too late')), [
      { level: 40, msg: 'The callback failed after the response', err: { name: 'RangeError', message: 'too late' } }
    ]]
  ]
  for (const [what, settle, logged] of outcomes) {
    t.test(`The 503 of handlerTimeout is not replaced when the resolver ${what} while an onSend hook runs`, async (t) => {
      const { lines, logger } = recordedLog()
      const app = host(t, { handlerTimeout: 20, logger })
      const work = pending<JobState | null>()
      app.addHook('onSend', async (_request, _reply, payload) => {
        settle(work)
        await new Promise(setImmediate)
        return payload
      })
      app.register(fabricJobState, pluginOptions(() => work.promise))
      const response = await app.inject(pollPath())
      t.equal(response.statusCode, 503)
      t.match(holdToContract(t, response), { errorCode: 'ServiceUnavailable', source: 'System', isPermanent: false })
      t.match(lines.filter(({ msg }) => msg.startsWith('The callback failed')), logged)
    })
  }
})

t.test('An onRoute hook that wraps handlers in an async function changes no response', async (t) => {
  const app = host(t)
  app.addHook('onRoute', (route) => {
    const { handler } = route
    route.handler = async function (request: FastifyRequest, reply: FastifyReply) {
      return await handler.call(this, request, reply)
    }
  })
  app.register(fabricJobState, pluginOptions(async ({ itemType }) => {
    await new Promise(setImmediate)
    return itemType === 'none' ? null : sampleState
  }))
  const found = await app.inject(pollPath())
  t.equal(found.statusCode, 200)
  t.same(holdToContract(t, found), sampleState)
  const missing = await app.inject(pollPath({ itemType: 'none' }))
  t.equal(missing.statusCode, 404)
  t.match(holdToContract(t, missing), { errorCode: 'JobInstanceNotFound' })
})

t.test('The status of an error is read once, so a getter cannot change it later', async (t) => {
  for (const name of ['statusCode', 'status']) {
    for (const later of [200, 999, 'x', undefined]) {
      const changing = () => {
        let reads = 0
        return Object.defineProperty(new Error('no'), name, { get: () => reads++ === 0 ? 409 : later })
      }
      t.equal(toErrorResponse(changing()).statusCode, 409, `${name}: ${later}`)
      const response = await workload(t, () => { throw changing() }).inject(pollPath())
      t.equal(response.statusCode, 409, `${name}: ${later}`)
      t.match(holdToContract(t, response), { errorCode: 'Conflict' })
    }
  }
  const own = new WorkloadError({ statusCode: 409, errorCode: 'Held', message: 'Held.', source: 'User' })
  let reads = 0
  Object.defineProperty(own, 'statusCode', { get: () => reads++ === 0 ? 409 : 200 })
  t.equal(toErrorResponse(own).statusCode, 409)
})

t.test('A logger that throws does not change the response', async (t) => {
  const stream = { write () {} }
  const throwing = () => { throw new Error('the logger is broken') }
  const loggers: Array<[what: string, logger: object]> = [
    ['a serializer', { stream, serializers: { err: throwing } }],
    ['a mixin', { stream, mixin: (_context: object, level: number) => level >= 50 ? throwing() : {} }],
    ['a formatter', { stream, formatters: { log: (line: { err?: unknown }) => line.err === undefined ? line : throwing() } }]
  ]
  for (const [what, logger] of loggers) {
    t.test(`A logger that throws in ${what} does not change the response`, async (t) => {
      const app = host(t, { logger })
      app.setErrorHandler((_error, _request, reply) => reply.type('text/html').send('<h1>Something went wrong</h1>'))
      app.register(fabricJobState, pluginOptions(() => { throw new Error('no') }))
      const response = await app.inject(pollPath())
      t.equal(response.statusCode, 500)
      t.match(holdToContract(t, response), { errorCode: 'InternalError' })
    })
  }
})

t.test('A request that a hook of the host refuses gets an ErrorResponse', async (t) => {
  const refusals: Array<[what: string, refuse: (reply: FastifyReply) => unknown, statusCode: number, body: object, headers?: object]> = [
    ['by reply.code(401) and a plain error', (reply) => { reply.code(401); throw new Error('No session.') }, 401,
      { errorCode: 'Unauthorized', message: 'No session.', source: 'User', isPermanent: true }],
    ['by reply.code(503) and a plain error', (reply) => { reply.code(503); throw new Error('db=10.0.0.1') }, 503,
      { errorCode: 'ServiceUnavailable', message: 'The workload responded: Service Unavailable.', source: 'System', isPermanent: false }],
    ['by reply.code(401) and an error with another status', (reply) => { reply.code(401); throw errorWith({ statusCode: 429 }) }, 429,
      { errorCode: 'TooManyRequests', message: 'Slow down.', source: 'User', isPermanent: false }],
    ['by an error with status', () => { throw errorWith({ status: 429 }) }, 429,
      { errorCode: 'TooManyRequests', message: 'Slow down.', source: 'User', isPermanent: false }],
    ['by an object without a status', (reply) => reply.code(401).send({ error: 'invalid authorization header' }), 401,
      { errorCode: 'Unauthorized', message: 'The workload responded: Unauthorized.', source: 'User', isPermanent: true }],
    ['by an object with a message', (reply) => reply.code(403).send({ message: 'Not you.' }), 403,
      { errorCode: 'Forbidden', message: 'Not you.', source: 'User', isPermanent: true }],
    ['by a text', (reply) => reply.code(403).send('Forbidden'), 403,
      { errorCode: 'Forbidden', message: 'The workload responded: Forbidden.', source: 'User', isPermanent: true }],
    ['by HTML', (reply) => reply.code(403).type('text/html').send('<h1>Forbidden</h1>'), 403,
      { errorCode: 'Forbidden', message: 'The workload responded: Forbidden.', source: 'User', isPermanent: true }],
    ['by a status without a body', (reply) => reply.code(403).send(), 403,
      { errorCode: 'Forbidden', message: 'The workload responded: Forbidden.', source: 'User', isPermanent: true }],
    ['by an error with headers', () => {
      throw errorWith({ statusCode: 429, headers: { 'Retry-After': '30', 'Content-Type': 'text/html', 'Cache-Control': 'public', 'x-a': 7 } })
    }, 429, { errorCode: 'TooManyRequests' }, { 'retry-after': '30', 'x-a': '7' }]
  ]
  for (const [what, refuse, statusCode, body, headers] of refusals) {
    for (const hook of ['onRequest', 'preHandler'] as const) {
      t.test(`A host that refuses a request in ${hook} ${what} determines the status, and the body is an ErrorResponse`, async (t) => {
        const app = host(t)
        app.addHook(hook as 'onRequest', async (_request, reply) => await refuse(reply))
        app.register(fabricJobState, pluginOptions(() => { throw new Error('the resolver is called') }))
        const response = await app.inject(pollPath())
        t.match(response, { statusCode, headers: headers ?? {} })
        t.match(holdToContract(t, response), body)
      })
    }
  }
})

t.test('The headers of an error that a resolver throws are sent', async (t) => {
  const thrown: Array<[what: string, error: unknown, statusCode: number, retryAfter: string | undefined]> = [
    ['a WorkloadError', new WorkloadError({
      statusCode: 503, errorCode: 'Paused', message: 'Paused.', source: 'System', headers: { 'Retry-After': '60' }
    }), 503, '60'],
    ['an HTTP error', errorWith({ statusCode: 429, headers: { 'Retry-After': '60' } }), 429, '60'],
    ['a number', errorWith({ statusCode: 429, headers: { 'Retry-After': 60 } }), 429, '60'],
    ['a header that HTTP does not allow', errorWith({ statusCode: 429, headers: { 'Retry-After': '6\r\n0', 'a b': 'c', x: ['y'] } }), 429, undefined],
    ['headers that are not an object', errorWith({ statusCode: 429, headers: 'Retry-After' }), 429, undefined],
    ['headers that throw', Object.defineProperty(errorWith({ statusCode: 429 }), 'headers', { get () { throw new Error('no') } }), 429, undefined]
  ]
  for (const [what, error, statusCode, retryAfter] of thrown) {
    const response = await workload(t, () => { throw error }).inject(pollPath())
    t.equal(response.statusCode, statusCode, what)
    t.equal(response.headers['retry-after'], retryAfter, what)
    holdToContract(t, response)
  }
})

t.test('Headers of a thrown error that belong to another message are not sent', async (t) => {
  const headers = {
    connection: 'x-a',
    'content-encoding': 'gzip',
    'content-length': '7',
    'content-range': 'bytes 0-6/7',
    'content-type': 'text/html',
    'http2-settings': 'AAMAAABk',
    'keep-alive': 'timeout=1',
    'proxy-connection': 'close',
    te: 'gzip',
    trailer: 'x-a',
    'transfer-encoding': 'chunked',
    upgrade: 'h2c'
  }
  const fail = (headers: object) => () => { throw errorWith({ statusCode: 429, headers }) }
  for (const [name, value] of Object.entries(headers)) {
    const response = await workload(t, fail({ [name.toUpperCase()]: value })).inject(pollPath())
    t.equal(response.statusCode, 429, name)
    t.not(response.headers[name], value, name)
    t.match(holdToContract(t, response), { errorCode: 'TooManyRequests' }, name)
  }

  const app = Fastify({ http2: true })
  t.after(() => app.close())
  app.register(fabricJobState, pluginOptions(fail({ ...headers, 'x-a': 'b' })))
  const session = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.after(() => session.close())
  const stream = session.request({ ':path': pollPath() })
  const [answered] = await once(stream, 'response')
  t.match(answered, { ':status': 429, 'content-type': 'application/json; charset=utf-8', 'x-a': 'b' }, 'over HTTP/2')
  t.match(JSON.parse(await text(stream)), { errorCode: 'TooManyRequests' }, 'over HTTP/2')
})

t.test('The parameters of a prefix are in request.params, and not in the job', async (t) => {
  const app = workload(t, (job, { request }) => {
    t.match(request.params, { tenant: 'Contoso', ...sample })
    t.strictSame(job, sample)
    return sampleState
  }, { prefix: '/:tenant/workload-api' })
  t.same(holdToContract(t, await app.inject(`/Contoso/workload-api${pollPath()}`)), sampleState)
})

t.test('A host that compiles the response schemas of all routes with another Ajv starts', async (t) => {
  const app = host(t)
  app.addHook('onRoute', ({ schema, responseValidation }: RouteOptions & { responseValidation?: boolean }) => {
    if (responseValidation === false) return
    const responses: Record<string, { content?: Record<string, { schema: object }> }> = { ...Object(schema?.response) }
    for (const response of Object.values(responses)) new Ajv().compile(response.content?.['application/json']?.schema ?? response)
  })
  app.register(fabricJobState, pluginOptions())
  t.same(holdToContract(t, await app.inject(pollPath())), sampleState)
})

t.test('Every text of a response is well-formed Unicode', async (t) => {
  const half = 'a\ud83dz'
  const whole = 'a\ufffdz'
  const details = (text: string) => ({
    errorCode: text,
    message: text,
    messageParameters: [text],
    source: 'User' as const,
    moreDetails: [{ errorCode: text, message: text, messageParameters: [text], additionalParameters: [{ name: text, value: text }] }]
  })
  const state = await workload(t, () => ({ status: 'Failed', errorDetails: details(half) })).inject(pollPath())
  t.same(holdToContract(t, state), { status: 'Failed', errorDetails: details(whole) })

  for (const [error, body] of [
    [new WorkloadError({ statusCode: 409, ...details(half) }), details(whole)],
    [errorWith({ statusCode: 409, errorCode: half }, half), { errorCode: whole, message: whole }]
  ] as const) {
    t.match(holdToContract(t, await workload(t, () => { throw error }).inject(pollPath())), body)
  }
})

t.test('A callback may return any thenable', async (t) => {
  // Not allowed by the types on purpose: JavaScript resolvers can do this.
  const resolverOf = (answer: unknown) => (() => answer) as () => null
  for (const [what, answer, statusCode] of [
    ['one that resolves', { then: (fulfilled: (state: unknown) => void) => fulfilled(sampleState) }, 200],
    ['one that resolves twice', { then: (fulfilled: (state: unknown) => void) => { fulfilled(sampleState); fulfilled(null) } }, 200],
    ['one that throws', { then () { throw new Error('no') } }, 500],
    ['one whose then is not a function', { ...sampleState, then: 'a property' }, 200]
  ] as const) {
    const response = await workload(t, resolverOf(answer)).inject(pollPath())
    t.equal(response.statusCode, statusCode, what)
    holdToContract(t, response)
  }
})

t.test('A state that a hook of the host sends becomes a response that conforms to the contract', async (t) => {
  const app = host(t)
  app.addHook('preHandler', async (request, reply) => reply.send({ status: (request.params as typeof sample).jobType, hits: 7 }))
  app.register(fabricJobState, pluginOptions(() => { throw new Error('the resolver is called') }))
  const cached = await app.inject(pollPath({ jobType: 'Completed' }))
  t.equal(cached.statusCode, 200)
  t.same(holdToContract(t, cached), { status: 'Completed' })
  const broken = await app.inject(pollPath({ jobType: 'done' }))
  t.equal(broken.statusCode, 500)
  t.match(holdToContract(t, broken), { errorCode: 'InvalidJobState' })
})

t.test('The plugin\'s route options do not affect routes of the host, however the plugin is registered', async (t) => {
  const register: Array<(app: FastifyInstance) => void> = [
    (app) => { app.register(fabricJobState, pluginOptions()) },
    (app) => { app.register(async (scope) => { await scope.register(fabricJobState, pluginOptions()) }) },
    // Like a loader that ignores encapsulation.
    (app) => { app.register(Object.assign(async (scope: FastifyInstance) => { await fabricJobState(scope, pluginOptions()) }, { [Symbol.for('skip-override')]: true })) }
  ]
  for (const each of register) {
    const app = host(t)
    each(app)
    app.get('/host/:id', { schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } } }, async ({ params }) => params)
    app.get('/host/fails', async () => { throw errorWith({ statusCode: 418 }, 'teapot') })
    t.same((await app.inject('/host/7')).json(), { id: 7 })
    t.match(await app.inject('/host/fails'), { statusCode: 418, body: /"error":"I'm a Teapot"/ })
    t.same(holdToContract(t, await app.inject(pollPath())), sampleState)
  }
})

t.test('A polluted Object.prototype adds nothing to a response', async (t) => {
  const names = ['startTimeUtc', 'errorDetails', 'messageParameters', 'isPermanent', 'moreDetails']
  const app = workload(t, ({ itemType }) => {
    if (itemType === 'http') throw errorWith({ statusCode: 409 })
    return itemType === 'none' ? null : { status: 'Failed', errorDetails: { errorCode: 'a', message: 'b', source: 'User' } }
  })
  app.addHook('preHandler', async ({ params }) => {
    const { itemType } = Object(params)
    if (itemType === 'http in a hook') throw errorWith({ statusCode: 409 })
    if (itemType === 'a hook') throw new Error('hook')
  })
  await app.ready()
  const responses = async () => await Promise.all(['any', 'none', 'http', 'http in a hook', 'a hook'].map(async (itemType) => await app.inject(pollPath({ itemType }))))
  const before = (await responses()).map(({ statusCode, body }) => [statusCode, body])
  for (const name of names) {
    Reflect.defineProperty(Object.prototype, name, { value: 'polluted', configurable: true, writable: true })
    const polluted = await responses().finally(() => Reflect.deleteProperty(Object.prototype, name))
    t.same(polluted.map(({ statusCode, body }) => [statusCode, body]), before, name)
  }
  t.same(before.map(([statusCode]) => statusCode), [200, 404, 409, 409, 500])
})
