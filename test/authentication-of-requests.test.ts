import type { FastifyInstance, FastifyReply, FastifyRequest, InjectOptions, onRequestHookHandler } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { fabricJobs, subjectAndApp } from '../lib/index.js'
import { createFabric } from '../lib/testing/index.js'
import { holdToContract, host, pollPath, sampleState } from './helpers/poll.js'

const fabric = createFabric()

/** Requests that are refused, before and after a signature is verified. */
const strangers: Array<{ name: string, headers: NonNullable<InjectOptions['headers']> }> = [
  { name: 'no headers', headers: {} },
  ...(await fabric.badHeaders()).filter(({ statusCode }) => statusCode === 401)
]

/** Hosts that prevent an `onRequest` hook of a route from refusing requests. */
const interferences: Array<[what: string, interfere: (app: FastifyInstance) => void]> = [
  ['a hook that completes twice, by its callback and by its promise', (app) => {
    // Some compilers emit this for an async function with a callback; the types do not allow it.
    const hook = (_request: FastifyRequest, _reply: FastifyReply, done: () => void) => { done(); return Promise.resolve() }
    app.addHook('onRequest', hook as unknown as onRequestHookHandler)
  }],
  ['a hook that calls back twice', (app) => {
    app.addHook('onRequest', (_request, _reply, done) => { done(); done() })
  }],
  ['a hook that throws undefined', (app) => {
    // A mistake of a host on purpose.
    // eslint-disable-next-line no-throw-literal
    app.addHook('onRequest', () => { throw undefined })
  }],
  ['an onRoute hook that removes route.onRequest', (app) => {
    app.addHook('onRoute', (route) => { delete route.onRequest })
  }],
  ['an onRoute hook that empties route.onRequest', (app) => {
    app.addHook('onRoute', (route) => { route.onRequest = [] })
  }],
  ['an onRoute hook that puts another hook in place of route.onRequest', (app) => {
    app.addHook('onRoute', (route) => { route.onRequest = async () => {} })
  }],
  ['a hook that marks every request as authenticated', (app) => {
    app.addHook('onRoute', (route) => { route.onRequest = [] })
    app.addHook('onRequest', async (request) => {
      request.fabricCaller = { tenantId: fabric.registration.tenantId, app: { claims: {} } }
    })
  }]
]

/** The sources of a route's authentication. */
const sources: Array<[what: string, register: (app: FastifyInstance, called: () => void) => void]> = [
  ['the plugin\'s own authentication', (app, called) => {
    app.register(fabricJobState, {
      resolveJobState: () => { called(); return sampleState }, authentication: fabric.authentication
    })
  }],
  ['a parent\'s subjectAndApp', (app, called) => {
    app.register(subjectAndApp, fabric.authentication)
    app.register(async (scope) => {
      scope.register(fabricJobState, { resolveJobState: () => { called(); return sampleState } })
    })
  }],
  ['a host\'s route whose handler awaits app.authenticateSubjectAndApp(request)', (app, called) => {
    app.register(subjectAndApp, fabric.authentication)
    app.register(async (scope) => {
      scope.get(pollPath(), { onRequest: scope.authenticateSubjectAndApp }, async (request) => {
        await scope.authenticateSubjectAndApp(request)
        called()
        return sampleState
      })
    })
  }]
]

/** A host with an interference, and the number of calls of its callback. */
function interferedHost (
  t: Test, interfere: (app: FastifyInstance) => void, register: (app: FastifyInstance, called: () => void) => void
) {
  let calls = 0
  const app = host(t)
  interfere(app)
  register(app, () => { calls++ })
  return { app, calls: () => calls }
}

for (const [source, register] of sources) {
  for (const [what, interfere] of interferences) {
    t.test(`with ${source}, unauthenticated requests get 401 and Fabric gets 200 despite ${what}`, async (t) => {
      const { app, calls } = interferedHost(t, interfere, register)
      const poll = await fabric.poll()
      for (const { name, headers } of strangers) {
        const refused = await app.inject({ ...poll, headers })
        t.match(refused, { statusCode: 401, headers: { 'www-authenticate': 'SubjectAndAppToken1.0' } }, name)
      }
      t.equal(calls(), 0, 'no callback is called for an unauthenticated request')

      t.match(await app.inject(poll), { statusCode: 200, body: JSON.stringify(sampleState) })
      t.ok(calls() >= 1)
    })
  }
}

for (const [what, interfere] of interferences) {
  t.test(`no unauthenticated request creates or cancels a job despite ${what}`, async (t) => {
    let calls = 0
    const called = () => { calls++; return sampleState }
    const app = host(t)
    interfere(app)
    app.register(fabricJobs, {
      createJobInstance: () => { called() },
      resolveJobState: called,
      cancelJobInstance: called,
      authentication: fabric.authentication
    })
    for (const request of [
      { method: 'POST', url: pollPath(), payload: { invokeType: 'Manual' } }, { method: 'POST', url: `${pollPath()}/cancel` }
    ] as const) {
      const refused = await app.inject(request)
      t.equal(refused.statusCode, 401)
      t.match(holdToContract(t, refused), { errorCode: 'AuthenticationFailed' })
    }
    t.equal(calls, 0)
  })
}

t.test('a request is authenticated once, and its caller is the same in the hook, the handler and request.fabricCaller', async (t) => {
  const app = host(t)
  await app.register(subjectAndApp, fabric.authentication)
  app.get('/', { onRequest: app.authenticateSubjectAndApp }, async (request) => {
    const caller = await app.authenticateSubjectAndApp(request)
    t.equal(await app.authenticateSubjectAndApp(request), caller)
    t.equal(request.fabricCaller, caller)
    return { tenantId: caller.tenantId }
  })
  const { headers } = await fabric.poll()
  t.same((await app.inject({ url: '/', headers })).json(), { tenantId: fabric.registration.tenantId })
})

t.test('an object that inherits from an authenticated request is not authenticated', async (t) => {
  const app = host(t)
  await app.register(subjectAndApp, fabric.authentication)
  app.get('/', { onRequest: app.authenticateSubjectAndApp }, async (request) => {
    const forged: FastifyRequest = Object.create(request, { raw: { value: { headers: {} } } })
    await app.authenticateSubjectAndApp(forged)
  })
  const { headers } = await fabric.poll()
  t.equal((await app.inject({ url: '/', headers })).statusCode, 401)
})

t.test('a request that one authentication accepts is not accepted by another', async (t) => {
  const app = host(t)
  const other = createFabric()
  await app.register(subjectAndApp, fabric.authentication)
  app.addHook('onRequest', app.authenticateSubjectAndApp)
  app.register(async (scope) => {
    scope.register(fabricJobState, { prefix: '/own', resolveJobState: () => sampleState, authentication: other.authentication })
    scope.register(fabricJobState, { prefix: '/parent', resolveJobState: () => sampleState })
  })
  const { headers } = await fabric.poll()
  t.equal((await app.inject({ url: `/own${pollPath()}`, headers })).statusCode, 401)
  t.equal((await app.inject({ url: `/parent${pollPath()}`, headers })).statusCode, 200)
})

t.test('registration refuses a decorator authenticateSubjectAndApp that this package did not create', async (t) => {
  const app = host(t)
  await app.register(subjectAndApp, fabric.authentication)
  const genuine = app.authenticateSubjectAndApp
  for (const standIn of [
    async () => {}, genuine.bind(app), Object.create(genuine), new Proxy(genuine, {}), 'authenticated', undefined
  ]) {
    const app = host(t)
    app.decorate<unknown>('authenticateSubjectAndApp', standIn)
    app.register(fabricJobState, { resolveJobState: () => sampleState })
    await t.rejects(Promise.resolve(app.ready()), {
      name: 'TypeError', message: /app\.authenticateSubjectAndApp is not that of subjectAndApp: register subjectAndApp from/
    })
  }
})
