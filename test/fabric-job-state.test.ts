import sensible from '@fastify/sensible'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifySchema, LogController } from 'fastify'
import t from 'tap'

import fabricJobState, { fabricJobState as named, subjectAndApp, toErrorResponse, WorkloadError } from '../lib/index.js'
import { createFabric } from '../lib/testing/index.js'
import { pending } from './helpers/pending.js'
import {
  activityId, holdToContract, host, pluginOptions, pollPath, recordedLog, requestId, sample, sampleState, workload
} from './helpers/poll.js'

t.test('The state route serves the contract\'s operation', async (t) => {
  t.test('The state route answers the contract\'s sample request with its sample response', async (t) => {
    const answer = await workload(t).inject(pollPath())
    t.equal(answer.statusCode, 200)
    t.equal(answer.body, '{"status":"InProgress","startTimeUtc":"2023-12-10T14:41:39.412Z"}')
    holdToContract(t, answer)
  })

  t.test('The state route answers HEAD like GET, without the body', async (t) => {
    const app = workload(t)
    const { headers: { date: _, ...expected } } = await app.inject(pollPath())
    const { statusCode, body, headers: { date, ...headers } } = await app.inject({ method: 'HEAD', url: pollPath() })
    t.match({ statusCode, body }, { statusCode: 200, body: '' })
    t.same(headers, expected)
  })

  t.test('The state route calls the resolver once for each poll', async (t) => {
    let calls = 0
    const app = workload(t, () => { calls++; return sampleState })
    await app.inject(pollPath())
    t.equal(calls, 1)
    await app.inject({ method: 'HEAD', url: pollPath() })
    t.equal(calls, 2)
  })

  t.test('The state route is served under the prefix', async (t) => {
    const app = workload(t, undefined, { prefix: '/workload-api' })
    t.same(holdToContract(t, await app.inject('/workload-api' + pollPath())), sampleState)
    t.equal((await app.inject(pollPath())).statusCode, 404)
  })

  t.test('The plugin can be registered under several prefixes, each with its own resolver', async (t) => {
    const app = host(t)
    app.register(fabricJobState, pluginOptions(() => ({ status: 'NotStarted' }), { prefix: '/a' }))
    app.register(fabricJobState, pluginOptions(() => ({ status: 'Cancelled' }), { prefix: '/b', resolverTimeout: 0 }))
    t.same(holdToContract(t, await app.inject('/a' + pollPath())), { status: 'NotStarted' })
    t.same(holdToContract(t, await app.inject('/b' + pollPath())), { status: 'Cancelled' })
  })

  t.test('The plugin can be registered in nested scopes', async (t) => {
    const app = host(t)
    app.register(async (outer) => {
      outer.register(async (inner) => {
        inner.register(fabricJobState, pluginOptions(undefined, { prefix: '/c' }))
      }, { prefix: '/b' })
    }, { prefix: '/a' })
    t.same(holdToContract(t, await app.inject('/a/b/c' + pollPath())), sampleState)
  })

  t.test('The state route is authenticated by the subjectAndApp of a parent scope', async (t) => {
    const fabric = createFabric()
    const app = host(t)
    app.register(subjectAndApp, fabric.authentication)
    app.register(async (scope) => {
      scope.register(fabricJobState, { resolveJobState: () => sampleState })
    })
    t.same(holdToContract(t, await app.inject(await fabric.poll())), sampleState)
    t.match(holdToContract(t, await app.inject(pollPath())), { errorCode: 'AuthenticationFailed' })
  })

  t.test('Registering the plugin twice under one prefix fails like any duplicate route', async (t) => {
    const app = workload(t)
    app.register(fabricJobState, pluginOptions())
    await t.rejects(Promise.resolve(app.ready()), { code: 'FST_ERR_DUPLICATED_ROUTE' })
  })

  t.test('The default export and fabricJobState are the same plugin', async (t) => {
    t.equal(named, fabricJobState)
    t.equal(workload(t).hasPlugin('fastify-fabric-job-state'), false, 'hasPlugin is false before the plugin has loaded')
  })

  t.test('The plugin works in a host without a logger', async (t) => {
    const answer = await workload(t, () => { throw new Error('x') }).inject(pollPath())
    t.equal(answer.statusCode, 500)
    holdToContract(t, answer)
  })
})

t.test('The response to a failure is an ErrorResponse', async (t) => {
  const refused = {
    errorCode: 'InvalidParameter',
    message: 'A parameter in the path of the request is invalid.',
    source: 'User',
    isPermanent: true
  }

  t.test('The response to invalid path parameters is 400 with one detail for each parameter', async (t) => {
    const app = workload(t, () => { throw new Error('the resolver is not asked') })
    const answer = await app.inject(pollPath({ itemId: '7', jobInstanceId: '' }))
    t.equal(answer.statusCode, 400)
    t.same(holdToContract(t, answer), {
      ...refused,
      moreDetails: [
        {
          errorCode: 'InvalidParameter',
          message: 'itemId must match format "uuid".',
          additionalParameters: [{ name: 'parameter', value: 'itemId' }]
        },
        {
          errorCode: 'InvalidParameter',
          message: 'jobInstanceId must match format "uuid".',
          additionalParameters: [{ name: 'parameter', value: 'jobInstanceId' }]
        }
      ]
    })
  })

  const failures: [what: string, resolve: () => never | null | undefined | object, status: number, body: object][] = [
    ['it returns null', () => null, 404, {
      errorCode: 'JobInstanceNotFound',
      message: 'The job instance was not found.',
      source: 'System',
      isPermanent: true
    }],
    ['it returns undefined', () => undefined, 404, {
      errorCode: 'JobInstanceNotFound',
      message: 'The job instance was not found.',
      source: 'System',
      isPermanent: true
    }],
    ['it throws a WorkloadError', () => {
      throw new WorkloadError({
        statusCode: 409,
        errorCode: 'ForecastLocked',
        message: 'The forecast is being edited.',
        messageParameters: ['a', 'b'],
        source: 'External',
        isPermanent: false,
        moreDetails: [{
          errorCode: 'Lock',
          message: 'Held.',
          messageParameters: ['c'],
          additionalParameters: [{ name: 'by', value: 'Ö' }]
        }]
      })
    }, 409, {
      errorCode: 'ForecastLocked',
      message: 'The forecast is being edited.',
      messageParameters: ['a', 'b'],
      source: 'External',
      isPermanent: false,
      moreDetails: [{
        errorCode: 'Lock', message: 'Held.', messageParameters: ['c'], additionalParameters: [{ name: 'by', value: 'Ö' }]
      }]
    }],
    ['it throws a WorkloadError with required properties only', () => {
      throw new WorkloadError({ statusCode: 503, errorCode: 'Paused', message: 'Back at noon.', source: 'System' })
    }, 503, { errorCode: 'Paused', message: 'Back at noon.', source: 'System' }],
    ['it throws an error with a 4xx statusCode', () => {
      throw Object.assign(new Error('Another run uses it.'), { statusCode: 409 })
    }, 409, { errorCode: 'Conflict', message: 'Another run uses it.', source: 'User', isPermanent: true }],
    ['it throws an error with a 4xx statusCode and an errorCode', () => {
      throw Object.assign(new Error('Another run uses it.'), { statusCode: 409, errorCode: 'Held' })
    }, 409, { errorCode: 'Held', message: 'Another run uses it.', source: 'User', isPermanent: true }],
    ['it throws an error with a 5xx statusCode', () => {
      throw Object.assign(new Error('password=hunter2'), { statusCode: 502 })
    }, 502, {
      errorCode: 'BadGateway', message: 'The workload responded: Bad Gateway.', source: 'System', isPermanent: false
    }],
    ['it throws any other error', () => { throw new RangeError('password=hunter2') }, 500, {
      errorCode: 'InternalError',
      message: 'The workload failed because of an internal error.',
      source: 'System',
      isPermanent: false
    }],
    ['it returns an invalid state', () => ({ status: 'running' }), 500, {
      errorCode: 'InvalidJobState',
      message: 'The workload failed to report the state of the job because of an internal error.',
      source: 'System',
      isPermanent: false
    }]
  ]
  for (const [what, resolve, statusCode, body] of failures) {
    for (const isAsync of [false, true]) {
      t.test(`The response follows the table of failures when the resolver is ${isAsync ? 'asynchronous' : 'synchronous'} and ${what}`, async (t) => {
        // Not allowed by the types on purpose: JavaScript resolvers can do this.
        const answers = (isAsync ? async () => resolve() : resolve) as () => null
        const answer = await workload(t, answers).inject(pollPath())
        t.equal(answer.statusCode, statusCode)
        t.same(holdToContract(t, answer), body)
      })
    }
  }

  t.test('The response to a resolver that exceeds its time limit is 504', async (t) => {
    const answer = await workload(t, () => new Promise(() => {}), { resolverTimeout: 20 }).inject(pollPath())
    t.equal(answer.statusCode, 504)
    t.same(holdToContract(t, answer), {
      errorCode: 'ResolverTimeout',
      message: 'The workload did not respond within 0.02 seconds.',
      source: 'System',
      isPermanent: false
    })
  })

  t.test('The response of HEAD to a failure has the status of GET and no body', async (t) => {
    const { statusCode, body, headers } = await workload(t, () => null).inject({ method: 'HEAD', url: pollPath() })
    t.match({ statusCode, body, headers }, { statusCode: 404, body: '', headers: { 'cache-control': 'no-store' } })
  })

  t.test('The response to an error of @fastify/sensible follows the table of failures', async (t) => {
    const app = host(t)
    app.register(sensible)
    app.register(fabricJobState, pluginOptions((_, { request: { server: { httpErrors } } }) => {
      throw httpErrors.tooManyRequests('Slow down.')
    }))
    const answer = await app.inject(pollPath())
    t.equal(answer.statusCode, 429)
    t.same(holdToContract(t, answer), {
      errorCode: 'TooManyRequests', message: 'Slow down.', source: 'User', isPermanent: false
    })
  })
})

t.test('A failure is logged with its cause', async (t) => {
  const failed = async (resolve: () => never | null) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, resolve, { server: { logger } })
    await app.inject(pollPath())
    return lines.filter(({ msg }) => !/^(incoming|request completed|authentication is disabled|A job type)/.test(msg))
  }

  t.test('The cause of a 5xx is logged at error', async (t) => {
    t.match(await failed(() => { throw new RangeError('disk full') }), [{
      level: 50,
      msg: 'The request failed',
      err: {
        type: 'WorkloadError', statusCode: 500, message: /: disk full$/, stack: /caused by: RangeError: disk full\n +at /
      }
    }])
  })

  t.test('The problem of an invalid state is logged without its values', async (t) => {
    const lines = await failed(() => ({ status: 'secret' }) as never)
    t.match(lines, [{
      level: 50,
      err: { message: /: \/status must be equal to one of the allowed values: NotStarted, InProgress, Completed, Failed, Cancelled$/ }
    }])
    t.notMatch(JSON.stringify(lines), /secret/)
    t.match(await failed(() => 'Completed' as never), [{ err: { message: /: must be object$/ } }])
  })

  t.test('The cause of a 4xx is logged at info', async (t) => {
    t.match(await failed(() => { throw Object.assign(new Error('Gone home.'), { statusCode: 410 }) }), [
      { level: 30, msg: 'The request was refused', err: { statusCode: 410, message: /: Gone home.$/ } }
    ])
    t.match(await failed(() => {
      throw new WorkloadError({
        statusCode: 410, errorCode: 'Gone', message: 'Gone.', source: 'User', cause: new Error('cleaned up')
      })
    }), [{ level: 30, msg: 'The request was refused', err: { statusCode: 410, message: 'Gone.: cleaned up' } }])
  })

  t.test('A 4xx without a cause is not logged', async (t) => {
    t.same(await failed(() => null), [])
    t.same(await failed(() => {
      throw new WorkloadError({ statusCode: 410, errorCode: 'Gone', message: 'Gone.', source: 'User' })
    }), [])
  })
})

t.test('Registration warns of risky settings', async (t) => {
  t.test('Registration warns of authentication: false', async (t) => {
    const { lines, logger } = recordedLog()
    await workload(t, undefined, { server: { logger } }).ready()
    t.match(lines, [
      { level: 40, msg: 'authentication is disabled: anyone who can reach this server can read job states' }, {}
    ])
  })

  for (const [server, limit] of [
    [{}, 100],
    [{ routerOptions: {} }, 100],
    [{ routerOptions: { maxParamLength: 255 } }, 255]
  ] as const) {
    t.test(`Registration warns of a maxParamLength that a job type can exceed: ${JSON.stringify(server)}`, async (t) => {
      const { lines, logger } = recordedLog()
      await workload(t, undefined, { server: { ...server, logger } }).ready()
      t.match(lines, [{}, {
        level: 40,
        msg: `A job type can be longer than maxParamLength, ${limit}: ` +
          'write Fastify({ routerOptions: { maxParamLength: 256 } })'
      }])
    })
  }

  t.test('Registration does not warn of a sufficient maxParamLength', async (t) => {
    const { lines, logger } = recordedLog()
    await workload(t, undefined, { server: { routerOptions: { maxParamLength: 256 }, logger } }).ready()
    t.equal(lines.length, 1)
  })
})

/** A host with its own error handler, compilers, serializer and decorators, and three routes that use them. */
function opinionatedHost (app: FastifyInstance): void {
  app.decorate('assert', () => 'the host\'s')
  app.decorateRequest('fabricCaller', undefined)
  app.decorateReply('notFound', function () { return this.code(404).send({ decorated: true }) })
  app.setErrorHandler((error: Error, request, reply) => reply.code(418).send({ handled: error.message }))
  app.setNotFoundHandler((request, reply) => reply.code(404).send({ lost: request.url }))
  app.setValidatorCompiler<FastifySchema>(() => (value) => {
    const { id } = value as { id?: string }
    return id === 'bad' ? { error: new Error('the host\'s validator') } : { value: { id: `seen ${id}` } }
  })
  app.setSerializerCompiler(() => (value) => JSON.stringify({ compiled: value }))
  app.setReplySerializer((value) => JSON.stringify({ replied: value }))
  app.setSchemaErrorFormatter(() => new Error('the host\'s formatter'))
  app.addHook('preSerialization', async (request, reply, value) => ({ wrapped: value }))
  app.addHook('onSend', async (request, reply, payload) => payload)
  app.get('/host/:id', { schema: { params: { type: 'object' }, response: { 200: { type: 'object' } } } },
    async (request) => ({ params: request.params, assert: app.assert.name }))
  app.get('/host/fails', async () => { throw new Error('oh') })
  app.get('/host/undecorated', (request, reply) => { reply.notFound() })
}

t.test('The plugin and the routes of its host do not affect each other', async (t) => {
  t.test('The host\'s own routes respond as before, with the plugin registered before or after them, once or twice', async (t) => {
    const alone = host(t)
    opinionatedHost(alone)

    const first = host(t)
    first.register(fabricJobState, pluginOptions(undefined, { prefix: '/a' }))
    await first.register(fabricJobState, pluginOptions(undefined, { prefix: '/b' }))
    opinionatedHost(first)

    const last = host(t)
    opinionatedHost(last)
    last.register(fabricJobState, pluginOptions(undefined, { prefix: '/a' }))
    last.register(fabricJobState, pluginOptions(undefined, { prefix: '/b' }))

    for (const url of ['/host/1', '/host/bad', '/host/fails', '/host/undecorated', '/nowhere', '/a/nowhere']) {
      const { statusCode, body, headers: { date: _, ...headers } } = await alone.inject(url)
      for (const app of [first, last]) {
        const answer = await app.inject(url)
        const { date, ...answerHeaders } = answer.headers
        t.same([answer.statusCode, answer.body, answerHeaders], [statusCode, body, headers], url)
      }
    }
    for (const app of [first, last]) {
      for (const prefix of ['/a', '/b']) {
        t.same(holdToContract(t, await app.inject(prefix + pollPath())), sampleState)
        const refused = await app.inject(prefix + pollPath({ itemId: 'bad' }))
        t.match(holdToContract(t, refused), { errorCode: 'InvalidParameter' })
      }
    }
  })

  t.test('A host can add schemas with the names of the plugin\'s, before or after registration', async (t) => {
    const others = ['ErrorResponse', 'JobInstanceStatus', 'NameValuePair'].map(($id) =>
      ({ $id, type: 'object', properties: { host: { type: 'string' } }, additionalProperties: false }))

    for (const when of ['before', 'after']) {
      const app = host(t)
      if (when === 'after') await app.register(fabricJobState, pluginOptions())
      for (const schema of others) app.addSchema(schema)
      const schema = { response: { 200: { $ref: 'ErrorResponse#' } } }
      app.get('/host', { schema }, async () => ({ host: 'own', other: 1 }))
      if (when === 'before') await app.register(fabricJobState, pluginOptions())

      t.equal((await app.inject('/host')).body, '{"host":"own"}', when)
      t.same(holdToContract(t, await app.inject(pollPath())), sampleState, when)
      t.match(app.getSchema('ErrorResponse'), others[0], when)
    }
  })

  t.test('Headers and a status that a host\'s hook sets do not change the route\'s own', async (t) => {
    const app = host(t)
    app.addHook('onRequest', async (request, reply) => {
      reply.code(201).header('content-type', 'text/html').header('cache-control', 'public').header('x-host', 'kept')
    })
    app.register(fabricJobState, pluginOptions(({ itemType }) => itemType === 'none' ? null : sampleState))
    const answer = await app.inject(pollPath())
    t.match(answer, { statusCode: 200, headers: { 'x-host': 'kept' } })
    holdToContract(t, answer)
    const missing = await app.inject(pollPath({ itemType: 'none' }))
    t.match(missing, { statusCode: 404, headers: { 'x-host': 'kept' } })
    holdToContract(t, missing)
  })

  t.test('A serializer that a host\'s hook sets does not change the route\'s bodies', async (t) => {
    const app = host(t)
    app.addHook('onRequest', async (request, reply) => {
      reply.serializer((value) => JSON.stringify({ wrapped: value }))
    })
    app.register(fabricJobState, pluginOptions(({ itemType }) => itemType === 'none' ? null : sampleState))
    t.same(holdToContract(t, await app.inject(pollPath())), sampleState)
    t.match(holdToContract(t, await app.inject(pollPath({ itemType: 'none' }))), { errorCode: 'JobInstanceNotFound' })
  })

  t.test('Slow hooks of the host run once for each request', async (t) => {
    const { lines, logger } = recordedLog()
    const app = host(t, { logger })
    let sent = 0
    app.addHook('onSend', async (request, reply, payload) => {
      sent++
      await new Promise(setImmediate)
      return payload
    })
    app.register(fabricJobState, pluginOptions(({ itemType }) => itemType === 'none' ? null : sampleState))
    t.same(holdToContract(t, await app.inject(pollPath())), sampleState)
    t.equal(sent, 1)
    await app.inject(pollPath({ itemType: 'none' }))
    t.equal(sent, 2)
    t.same(lines.filter(({ level, time }) => level >= 40 && Number(time) > 0).slice(2), [], 'nothing more is logged at warn or above')
  })

  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend'] as const) {
    for (const [what, error, expected] of [
      ['an error of a rate limit', Object.assign(new Error('Slow down.'), { statusCode: 429 }),
        { errorCode: 'TooManyRequests', message: 'Slow down.', source: 'User', isPermanent: false }],
      ['an error of overload protection', Object.assign(new Error('event loop: 999 ms'), { statusCode: 503, code: 'FST_UNDER_PRESSURE' }),
        {
          errorCode: 'ServiceUnavailable',
          message: 'The workload responded: Service Unavailable.',
          source: 'System',
          isPermanent: false
        }],
      ['a TypeError', new TypeError('x is not a function'), { errorCode: 'InternalError' }],
      ['undefined', undefined, { source: 'System' }]
    ] as const) {
      t.test(`The response is an ErrorResponse when an ${hook} hook of the host throws ${what}`, async (t) => {
        const app = host(t)
        let thrown = 0
        // Throw once, so that the error response passes the onSend hook.
        app.addHook(hook as 'onRequest', async () => { if (thrown++ === 0) throw error })
        app.setErrorHandler(() => t.fail('the host\'s error handler is for its own routes'))
        app.register(fabricJobState, pluginOptions())
        const answer = await app.inject(pollPath())
        t.equal(answer.statusCode, error !== undefined && 'statusCode' in error ? error.statusCode : 500)
        t.match(holdToContract(t, answer), expected)
      })
    }
  }

  for (const times of [2, 3, Infinity]) {
    for (const own of ['its own error handler', 'no error handler']) {
      t.test(`The response is an ErrorResponse when an onSend hook throws ${times} times, in a host with ${own}`, async (t) => {
        const app = host(t)
        let thrown = 0
        app.addHook('onSend', async () => { if (thrown++ < times) throw new Error('no') })
        if (own === 'its own error handler') {
          app.setErrorHandler((error, request, reply) => reply.code(418).send({ error }))
        }
        app.register(fabricJobState, pluginOptions())
        const answer = await app.inject(pollPath())
        t.ok(answer.statusCode >= 400, String(answer.statusCode))
        holdToContract(t, answer)
      })
    }
  }

  t.test('An object that a host\'s hook sends becomes a response that conforms to the contract', async (t) => {
    const app = host(t)
    app.addHook('preHandler', async ({ url }, reply) => {
      if (url.includes('/maintenance/')) return reply.code(503).send({ maintenance: true })
      if (url.includes('/cached/')) return reply.code(200).send({ status: 'Completed', hits: 7 })
      return reply.code(200).send({ status: 'done' })
    })
    app.register(fabricJobState, pluginOptions(() => { throw new Error('the resolver is not asked') }))
    const shown = async (itemType: string) => {
      const { statusCode, body } = await app.inject(pollPath({ itemType }))
      return [statusCode, JSON.parse(body)]
    }
    t.match(await shown('maintenance'), [503, { errorCode: 'ServiceUnavailable', message: String, source: 'System' }])
    t.same(await shown('cached'), [200, { status: 'Completed' }])
    t.match(await shown('any'), [500, { errorCode: 'InvalidJobState' }])
  })

  t.test('The 503 of Fastify\'s handlerTimeout is an ErrorResponse', async (t) => {
    const app = host(t, { handlerTimeout: 20 })
    const work = pending<typeof sampleState>()
    app.register(fabricJobState, pluginOptions(() => work.promise))
    const answer = await app.inject(pollPath())
    t.equal(answer.statusCode, 503)
    t.match(holdToContract(t, answer), { errorCode: 'ServiceUnavailable', source: 'System', isPermanent: false })
    work.resolve(sampleState)
  })

  t.test('A host can format Fastify\'s own errors with toErrorResponse in frameworkErrors', async (t) => {
    const app = Fastify({
      frameworkErrors (error, request, reply: FastifyReply) {
        const { statusCode, body } = toErrorResponse(error)
        reply.code(statusCode).header('cache-control', 'no-store').send(body)
      }
    })
    t.after(() => app.close())
    app.register(fabricJobState, pluginOptions())
    const bad = await app.inject(pollPath({ jobType: '%zz' }))
    t.equal(bad.statusCode, 400)
    t.match(holdToContract(t, bad), { errorCode: 'BadRequest', source: 'User', isPermanent: true })
    const long = await app.inject(pollPath({ jobType: 'a'.repeat(101) }))
    t.equal(long.statusCode, 414)
    t.match(holdToContract(t, long), { errorCode: 'URITooLong', source: 'User', isPermanent: true })
  })

  t.test('A host can disable the log lines of requests', async (t) => {
    const { lines, logger } = recordedLog()
    const app = host(t, { logger, logController: new LogController({ disableRequestLogging: true }) })
    app.register(fabricJobState, pluginOptions(() => { throw new Error('still logged') }))
    await app.inject({ url: pollPath(), headers: { activityid: activityId, requestid: requestId } })
    t.match(lines.slice(2), [{ msg: 'The request failed', activityId, fabricRequestId: requestId }])
  })

  t.test('The resolver can distinguish jobs by all parameters of the path', async (t) => {
    let asked: unknown
    const app = workload(t, (job) => { asked = job; return sampleState })
    await app.inject(pollPath())
    t.same(asked, sample)
  })
})
