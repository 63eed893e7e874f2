// What a host requires of every route: a rate limit, a policy, a guard, what its API pages show, what its log says.
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { type FabricJobStateOptions, fabricJobs, subjectAndApp, toErrorResponse } from '../../lib/index.js'
import { createFabric } from '../../lib/testing/index.js'
import { activityId, pluginOptions, pollPath, recordedLog, requestId, sampleState } from '../helpers/poll.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The property that the policy of the host requires of each route. */
    auth?: string
  }
}

function host (t: Test, app: FastifyInstance = Fastify()): FastifyInstance {
  t.after(() => app.close())
  return app
}

t.test('A rate limit for all routes counts polls, unless config.rateLimit is false', async (t) => {
  for (const [config, statuses] of [[undefined, [200, 429]], [{ rateLimit: false }, [200, 200]]] as const) {
    const app = host(t)
    await app.register(rateLimit, { global: true, max: 1 })
    await app.register(fabricJobState, { ...pluginOptions(), config })
    const answers = [await app.inject(pollPath()), await app.inject(pollPath())]
    t.same(answers.map(({ statusCode }) => statusCode), statuses)
  }
})

t.test('A policy of the host that requires config of each route is met, by every route of the plugin', async (t) => {
  const app = host(t)
  const seen: string[] = []
  app.addHook('onRoute', ({ method, config }) => {
    if (config?.auth === undefined) throw new Error('Each route needs config.auth')
    seen.push(`${String(method)} ${config.auth}`)
  })
  await app.register(fabricJobs, {
    ...pluginOptions(), config: { auth: 'fabric' }, createJobInstance: async () => {}, cancelJobInstance: () => null
  })
  t.same(seen.sort(), ['GET fabric', 'HEAD fabric', 'POST fabric', 'POST fabric'])
  const other = host(t)
  other.addHook('onRoute', ({ config }) => {
    if (config?.auth === undefined) throw new Error('Each route needs config.auth')
  })
  await t.rejects(Promise.resolve(other.register(fabricJobState, pluginOptions())), { message: 'Each route needs config.auth' })
})

/** The operation in the document that a host emits. */
async function documented (t: Test, options: Partial<FabricJobStateOptions>) {
  const app = host(t)
  const securitySchemes = { SubjectAndApp: { type: 'apiKey', in: 'header', name: 'Authorization' } } as const
  await app.register(swagger, {
    hideUntagged: true,
    openapi: { openapi: '3.1.0', info: { title: 'A workload', version: '1' }, components: { securitySchemes } }
  })
  await app.register(fabricJobState, { ...pluginOptions(), ...options })
  await app.ready()
  const { paths }: { paths: Record<string, { get: { tags: string[], security?: object[] } }> } =
    JSON.parse(JSON.stringify(app.swagger()))
  return Object.values(paths).map(({ get: { tags, security } }) => ({ tags, security }))
}

t.test('tags and security say where the OpenAPI document lists the operations, and which scheme they have', async (t) => {
  t.same(await documented(t, {}), [{ tags: ['Jobs'], security: undefined }])
  t.same(await documented(t, { tags: ['Fabric'], security: [{ SubjectAndApp: [] }] }), [
    { tags: ['Fabric'], security: [{ SubjectAndApp: [] }] }
  ])
  t.same(await documented(t, { tags: [] }), [], 'not at all, with no tags and hideUntagged')
})

t.test('config, tags and security of another type are refused', async (t) => {
  for (const [options, message] of [
    [{ config: 'a' }, 'config must be an object: config: { rateLimit: false }'],
    [{ config: [] }, 'config must be an object: config: { rateLimit: false }'],
    [{ tags: 'Jobs' }, "tags must be a list of texts: tags: ['Jobs']"],
    [{ tags: [7] }, "tags must be a list of texts: tags: ['Jobs']"],
    [{ security: {} }, 'security must be a list of objects: security: [{ SubjectAndApp: [] }]'],
    [{ security: ['SubjectAndApp'] }, 'security must be a list of objects: security: [{ SubjectAndApp: [] }]']
  ] as const) {
    const registered = host(t).register(fabricJobState, Object.assign(pluginOptions(), options))
    await t.rejects(Promise.resolve(registered), { message: `fastify-fabric-job-state: ${message}.` })
  }
})

t.test('A guard that the host adds to all routes runs first: register the plugin beside it, in another scope', async (t) => {
  const fabric = createFabric()
  const guard = async () => { throw Object.assign(new Error('No bearer token'), { statusCode: 401 }) }
  const options = { authentication: fabric.authentication, resolveJobState: () => sampleState, prefix: '/workload-api' }

  const below = host(t)
  below.addHook('onRequest', guard)
  await below.register(fabricJobState, options)
  t.equal((await below.inject(await fabric.poll(options))).statusCode, 401)

  const beside = host(t)
  await beside.register(async (scope) => {
    scope.addHook('onRequest', guard)
    scope.get('/own', async () => ({}))
  })
  await beside.register(fabricJobState, options)
  t.equal((await beside.inject(await fabric.poll(options))).statusCode, 200)
  t.equal((await beside.inject('/own')).statusCode, 401)
})

t.test('With subjectAndApp every log line of the host\'s other Fabric routes, refusals included, has the two ids', async (t) => {
  const fabric = createFabric()
  const { lines, logger } = recordedLog()
  const app = host(t, Fastify({ logger }))
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode, body } = toErrorResponse(error)
    return reply.code(statusCode).send(body)
  })
  await app.register(subjectAndApp, fabric.authentication)
  app.get('/route', { onRequest: app.authenticateSubjectAndApp }, async ({ log }) => {
    log.info('at work')
    return {}
  })
  await app.register(async (scope) => {
    scope.addHook('onRequest', scope.authenticateSubjectAndApp)
    scope.get('/scope', async ({ log }) => {
      log.info('at work')
      return {}
    })
  })
  const headers = { ...await fabric.headers(), activityid: activityId, requestid: requestId }
  for (const url of ['/route', '/scope']) {
    for (const [status, authorization] of [[200, headers.authorization], [401, 'SubjectAndAppToken1.0']] as const) {
      lines.length = 0
      t.equal((await app.inject({ url, headers: { ...headers, authorization } })).statusCode, status)
      t.ok(lines.length >= 3, `${url} ${status} is logged`)
      for (const line of lines) t.match(line, { activityId, fabricRequestId: requestId }, line.msg)
    }
  }
})

t.test('subjectAndApp keeps the childLoggerFactory of the host', async (t) => {
  const { lines, logger } = recordedLog()
  const app = host(t, Fastify({
    logger, childLoggerFactory: (logger, bindings, options) => logger.child({ ...bindings, own: true }, options)
  }))
  await app.register(subjectAndApp, createFabric().authentication)
  app.get('/own', async () => ({}))
  await app.inject({ url: '/own', headers: { activityid: activityId } })
  t.ok(lines.length > 0)
  for (const line of lines) t.match(line, { own: true, activityId })
})

t.test('A host whose tests only inject reaches no network and logs no warning', async (t) => {
  const fetched: unknown[] = []
  const { fetch } = globalThis
  globalThis.fetch = async (url) => {
    fetched.push(url)
    throw new Error('No network')
  }
  t.teardown(() => { globalThis.fetch = fetch })
  const { publisherTenantId, audience, clientId } = createFabric().registration
  const { lines, logger } = recordedLog()
  const app = host(t, Fastify({ logger: { ...logger, level: 'warn' }, routerOptions: { maxParamLength: 256 } }))
  app.get('/own', async () => ({}))
  await app.register(fabricJobState, {
    resolveJobState: () => sampleState, authentication: { publisherTenantId, audience, clientId }
  })
  await app.ready()
  t.equal((await app.inject('/own')).statusCode, 200)
  t.equal((await app.inject(pollPath())).statusCode, 401, 'refused for its headers alone')
  await app.close()
  t.same(fetched, [])
  t.same(lines.map(({ msg }) => msg), ['SubjectAndApp authentication refused'])
})

t.test('A server that listens fetches the signing keys before the first poll, one that does not with the first poll', async (t) => {
  for (const listens of [true, false]) {
    const fabric = createFabric()
    const keys = await fabric.listen()
    t.teardown(keys.close)
    const app = host(t)
    await app.register(subjectAndApp, keys.authentication)
    await app.register(fabricJobState, { resolveJobState: () => sampleState })
    if (listens) {
      await app.listen({ host: '127.0.0.1', port: 0 })
    } else {
      await app.ready()
      t.notOk(app.subjectAndAppReady())
    }
    t.equal((await app.inject(await fabric.poll())).statusCode, 200)
    t.ok(app.subjectAndAppReady())
  }
})
