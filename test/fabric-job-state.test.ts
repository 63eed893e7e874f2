import sensible from '@fastify/sensible'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifySchema, LogController } from 'fastify'
import t from 'tap'

import fabricJobState, { fabricJobState as named, subjectAndApp, toErrorResponse, WorkloadError } from '../lib/index.js'
import { createFabric } from '../lib/testing/index.js'
import { pending } from './helpers/pending.js'
import {
  activityId, holdToContract, host, pluginOptions, pollPath, recordedLog, requestId, sample, sampleState, workload
} from './helpers/poll.js'

t.test('The route', async (t) => {
  t.test('answers the contract\'s sample request with its sample response', async (t) => {
    const answer = await workload(t).inject(pollPath())
    t.equal(answer.statusCode, 200)
    t.equal(answer.body, '{"status":"InProgress","startTimeUtc":"2023-12-10T14:41:39.412Z"}')
    holdToContract(t, answer)
  })

  t.test('answers HEAD as GET, without the body', async (t) => {
    const app = workload(t)
    const { headers: { date: _, ...expected } } = await app.inject(pollPath())
    const { statusCode, body, headers: { date, ...headers } } = await app.inject({ method: 'HEAD', url: pollPath() })
    t.match({ statusCode, body }, { statusCode: 200, body: '' })
    t.same(headers, expected)
  })

  t.test('asks the resolver once for each poll', async (t) => {
    let calls = 0
    const app = workload(t, () => { calls++; return sampleState })
    await app.inject(pollPath())
    t.equal(calls, 1)
    await app.inject({ method: 'HEAD', url: pollPath() })
    t.equal(calls, 2)
  })

  t.test('stands under the prefix', async (t) => {
    const app = workload(t, undefined, { prefix: '/workload-api' })
    t.same(holdToContract(t, await app.inject('/workload-api' + pollPath())), sampleState)
    t.equal((await app.inject(pollPath())).statusCode, 404)
  })

  t.test('stands under each of several prefixes, with its own resolver', async (t) => {
    const app = host(t)
    app.register(fabricJobState, pluginOptions(() => ({ status: 'NotStarted' }), { prefix: '/a' }))
    app.register(fabricJobState, pluginOptions(() => ({ status: 'Cancelled' }), { prefix: '/b', resolverTimeout: 0 }))
    t.same(holdToContract(t, await app.inject('/a' + pollPath())), { status: 'NotStarted' })
    t.same(holdToContract(t, await app.inject('/b' + pollPath())), { status: 'Cancelled' })
  })

  t.test('stands inside nested scopes', async (t) => {
    const app = host(t)
    app.register(async (outer) => {
      outer.register(async (inner) => {
        inner.register(fabricJobState, pluginOptions(undefined, { prefix: '/c' }))
      }, { prefix: '/b' })
    }, { prefix: '/a' })
    t.same(holdToContract(t, await app.inject('/a/b/c' + pollPath())), sampleState)
  })

  t.test('is Fabric\'s alone by the subjectAndApp of a parent scope', async (t) => {
    const fabric = createFabric()
    const app = host(t)
    app.register(subjectAndApp, fabric.authentication)
    app.register(async (scope) => {
      scope.register(fabricJobState, { resolveJobState: () => sampleState })
    })
    t.same(holdToContract(t, await app.inject(await fabric.poll())), sampleState)
    t.match(holdToContract(t, await app.inject(pollPath())), { errorCode: 'AuthenticationFailed' })
  })

  t.test('is registered twice under one prefix as little as any other route', async (t) => {
    const app = workload(t)
    app.register(fabricJobState, pluginOptions())
    await t.rejects(Promise.resolve(app.ready()), { code: 'FST_ERR_DUPLICATED_ROUTE' })
  })

  t.test('is one plugin under both its names', async (t) => {
    t.equal(named, fabricJobState)
    t.equal(workload(t).hasPlugin('fastify-fabric-job-state'), false, 'not before it has loaded')
  })

  t.test('is silent where the host\'s server logs nothing', async (t) => {
    const answer = await workload(t, () => { throw new Error('x') }).inject(pollPath())
    t.equal(answer.statusCode, 500)
    holdToContract(t, answer)
  })
})

t.test('A failure', async (t) => {
  const refused = {
    errorCode: 'InvalidParameter',
    message: 'A parameter in the path of the request is invalid.',
    source: 'User',
    isPermanent: true
  }

  t.test('of the path is a 400 with one detail for each parameter', async (t) => {
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
    ['no such job, as null', () => null, 404, {
      errorCode: 'JobInstanceNotFound',
      message: 'The job instance was not found.',
      source: 'System',
      isPermanent: true
    }],
    ['no such job, as undefined', () => undefined, 404, {
      errorCode: 'JobInstanceNotFound',
      message: 'The job instance was not found.',
      source: 'System',
      isPermanent: true
    }],
    ['a WorkloadError', () => {
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
    ['a WorkloadError that says only what it must', () => {
      throw new WorkloadError({ statusCode: 503, errorCode: 'Paused', message: 'Back at noon.', source: 'System' })
    }, 503, { errorCode: 'Paused', message: 'Back at noon.', source: 'System' }],
    ['an error with a 4xx statusCode', () => {
      throw Object.assign(new Error('Another run holds it.'), { statusCode: 409 })
    }, 409, { errorCode: 'Conflict', message: 'Another run holds it.', source: 'User', isPermanent: true }],
    ['an error with a 4xx statusCode and an errorCode', () => {
      throw Object.assign(new Error('Another run holds it.'), { statusCode: 409, errorCode: 'Held' })
    }, 409, { errorCode: 'Held', message: 'Another run holds it.', source: 'User', isPermanent: true }],
    ['an error with a 5xx statusCode', () => {
      throw Object.assign(new Error('password=hunter2'), { statusCode: 502 })
    }, 502, {
      errorCode: 'BadGateway', message: 'The workload responded: Bad Gateway.', source: 'System', isPermanent: false
    }],
    ['any other error', () => { throw new RangeError('password=hunter2') }, 500, {
      errorCode: 'InternalError',
      message: 'The workload failed because of an internal error.',
      source: 'System',
      isPermanent: false
    }],
    ['an answer off the contract', () => ({ status: 'running' }), 500, {
      errorCode: 'InvalidJobState',
      message: 'The workload failed to report the state of the job because of an internal error.',
      source: 'System',
      isPermanent: false
    }]
  ]
  for (const [what, resolve, statusCode, body] of failures) {
    for (const isAsync of [false, true]) {
      t.test(`of the resolver: ${what} (${isAsync ? 'asynchronous' : 'synchronous'})`, async (t) => {
        // The type is broken on purpose: this is what JavaScript lets a resolver do.
        const answers = (isAsync ? async () => resolve() : resolve) as () => null
        const answer = await workload(t, answers).inject(pollPath())
        t.equal(answer.statusCode, statusCode)
        t.same(holdToContract(t, answer), body)
      })
    }
  }

  t.test('of time is a 504', async (t) => {
    const answer = await workload(t, () => new Promise(() => {}), { resolverTimeout: 20 }).inject(pollPath())
    t.equal(answer.statusCode, 504)
    t.same(holdToContract(t, answer), {
      errorCode: 'ResolverTimeout',
      message: 'The workload did not respond within 0.02 seconds.',
      source: 'System',
      isPermanent: false
    })
  })

  t.test('has no body on HEAD, and the status of GET', async (t) => {
    const { statusCode, body, headers } = await workload(t, () => null).inject({ method: 'HEAD', url: pollPath() })
    t.match({ statusCode, body, headers }, { statusCode: 404, body: '', headers: { 'cache-control': 'no-store' } })
  })

  t.test('made by @fastify/sensible is answered as the table says', async (t) => {
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

t.test('The log of a failure', async (t) => {
  const failed = async (resolve: () => never | null) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, resolve, { server: { logger } })
    await app.inject(pollPath())
    return lines.filter(({ msg }) => !/^(incoming|request completed|authentication is disabled|A job type)/.test(msg))
  }

  t.test('holds the cause of a 5xx, as an error', async (t) => {
    t.match(await failed(() => { throw new RangeError('disk full') }), [{
      level: 50,
      msg: 'The request failed',
      err: {
        type: 'WorkloadError', statusCode: 500, message: /: disk full$/, stack: /caused by: RangeError: disk full\n +at /
      }
    }])
  })

  t.test('says what is wrong with an answer off the contract, without its values', async (t) => {
    const lines = await failed(() => ({ status: 'secret' }) as never)
    t.match(lines, [{
      level: 50,
      err: { message: /: \/status must be equal to one of the allowed values: NotStarted, InProgress, Completed, Failed, Cancelled$/ }
    }])
    t.notMatch(JSON.stringify(lines), /secret/)
    t.match(await failed(() => 'Completed' as never), [{ err: { message: /: must be object$/ } }])
  })

  t.test('holds the cause of a 4xx as information', async (t) => {
    t.match(await failed(() => { throw Object.assign(new Error('Gone home.'), { statusCode: 410 }) }), [
      { level: 30, msg: 'The request was refused', err: { statusCode: 410, message: /: Gone home.$/ } }
    ])
    t.match(await failed(() => {
      throw new WorkloadError({
        statusCode: 410, errorCode: 'Gone', message: 'Gone.', source: 'User', cause: new Error('cleaned up')
      })
    }), [{ level: 30, msg: 'The request was refused', err: { statusCode: 410, message: 'Gone.: cleaned up' } }])
  })

  t.test('does not repeat what the caller has been told', async (t) => {
    t.same(await failed(() => null), [])
    t.same(await failed(() => {
      throw new WorkloadError({ statusCode: 410, errorCode: 'Gone', message: 'Gone.', source: 'User' })
    }), [])
  })
})

t.test('Registration', async (t) => {
  t.test('warns where everybody reaches the resolver', async (t) => {
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
    t.test(`warns of a maxParamLength that a job type can exceed: ${JSON.stringify(server)}`, async (t) => {
      const { lines, logger } = recordedLog()
      await workload(t, undefined, { server: { ...server, logger } }).ready()
      t.match(lines, [{}, {
        level: 40,
        msg: `A job type can be longer than maxParamLength, ${limit}: ` +
          'write Fastify({ routerOptions: { maxParamLength: 256 } })'
      }])
    })
  }

  t.test('does not warn of a maxParamLength that suffices', async (t) => {
    const { lines, logger } = recordedLog()
    await workload(t, undefined, { server: { routerOptions: { maxParamLength: 256 }, logger } }).ready()
    t.equal(lines.length, 1)
  })
})

/** A host that has everything of its own, with three routes that show it. */
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

t.test('A host', async (t) => {
  t.test('answers its own routes as before, with the plugin registered before or after, once or twice', async (t) => {
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

  t.test('may add schemas of the same names, of whatever content, before and after', async (t) => {
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

  t.test('may set headers and the status in a hook: the route answers with its own', async (t) => {
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

  t.test('may give each reply a serializer in a hook: the route\'s bodies stay as they are', async (t) => {
    const app = host(t)
    app.addHook('onRequest', async (request, reply) => {
      reply.serializer((value) => JSON.stringify({ wrapped: value }))
    })
    app.register(fabricJobState, pluginOptions(({ itemType }) => itemType === 'none' ? null : sampleState))
    t.same(holdToContract(t, await app.inject(pollPath())), sampleState)
    t.match(holdToContract(t, await app.inject(pollPath({ itemType: 'none' }))), { errorCode: 'JobInstanceNotFound' })
  })

  t.test('may have hooks that take their time: each runs once', async (t) => {
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
    t.same(lines.filter(({ level, time }) => level >= 40 && Number(time) > 0).slice(2), [], 'nothing to complain of')
  })

  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend'] as const) {
    for (const [what, error, expected] of [
      ['a rate limit', Object.assign(new Error('Slow down.'), { statusCode: 429 }),
        { errorCode: 'TooManyRequests', message: 'Slow down.', source: 'User', isPermanent: false }],
      ['overload', Object.assign(new Error('event loop: 999 ms'), { statusCode: 503, code: 'FST_UNDER_PRESSURE' }),
        {
          errorCode: 'ServiceUnavailable',
          message: 'The workload responded: Service Unavailable.',
          source: 'System',
          isPermanent: false
        }],
      ['a bug', new TypeError('x is not a function'), { errorCode: 'InternalError' }],
      ['undefined', undefined, { source: 'System' }]
    ] as const) {
      t.test(`may throw in ${hook}: ${what}`, async (t) => {
        const app = host(t)
        let thrown = 0
        // Once: an answer to the failure must get through the onSend hook.
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
      t.test(`may throw in onSend ${times} times in a row, having ${own}`, async (t) => {
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

  t.test('may answer with an object in a hook: it leaves as the contract has it', async (t) => {
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

  t.test('may limit the time of all handlers: its 503 has the contract\'s form', async (t) => {
    const app = host(t, { handlerTimeout: 20 })
    const work = pending<typeof sampleState>()
    app.register(fabricJobState, pluginOptions(() => work.promise))
    const answer = await app.inject(pollPath())
    t.equal(answer.statusCode, 503)
    t.match(holdToContract(t, answer), { errorCode: 'ServiceUnavailable', source: 'System', isPermanent: false })
    work.resolve(sampleState)
  })

  t.test('may say how the server\'s own refusals look, with toErrorResponse', async (t) => {
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

  t.test('may silence the requests\' log lines', async (t) => {
    const { lines, logger } = recordedLog()
    const app = host(t, { logger, logController: new LogController({ disableRequestLogging: true }) })
    app.register(fabricJobState, pluginOptions(() => { throw new Error('still told') }))
    await app.inject({ url: pollPath(), headers: { activityid: activityId, requestid: requestId } })
    t.match(lines.slice(2), [{ msg: 'The request failed', activityId, fabricRequestId: requestId }])
  })

  t.test('may tell jobs apart by what the path says', async (t) => {
    let asked: unknown
    const app = workload(t, (job) => { asked = job; return sampleState })
    await app.inject(pollPath())
    t.same(asked, sample)
  })
})
