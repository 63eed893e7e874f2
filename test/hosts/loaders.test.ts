// Loaders of plugins: they pass their own options to each plugin, wrap it, and may remove its scope.
import autoload from '@fastify/autoload'
import Fastify, { type FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import t, { type Test } from 'tap'

import fabricJobState, { type FabricJobStateOptions, fabricJobs, subjectAndApp } from '../../lib/index.js'
import { createFabric } from '../../lib/testing/index.js'
import { pluginOptions, pollPath, recordedLog, sampleState } from '../helpers/poll.js'
import { compareOwnRoutes, ownRoutes } from './host.js'

const prefix = '/workload-api'

/** A host that records its warnings. */
function warnedHost (t: Test) {
  const { lines, logger } = recordedLog()
  const app = Fastify({ logger: { ...logger, level: 'warn' }, routerOptions: { maxParamLength: 256 } })
  t.after(() => app.close())
  return { app, warnings: () => lines.map(({ msg }) => msg) }
}

/** A file of a host, by the conventions of `@fastify/autoload`. */
const pluginFile = (prefix: string) => `
  export { fabricJobState as default } from 'fastify-fabric-job-state'
  export const autoConfig = {
    prefix: '${prefix}', authentication: false, resolveJobState: () => ({ status: 'InProgress' })
  }`

t.test('@fastify/autoload registers the plugin, whose log names the options of the loader in one warning', async (t) => {
  const { app, warnings } = warnedHost(t)
  const dir = t.testdir({ 'fabric.mjs': pluginFile(prefix) })
  await app.register(autoload, { dir, options: { skipOverride: true, database: {} } })
  t.equal((await app.inject(prefix + pollPath())).body, '{"status":"InProgress"}')
  t.same(warnings(), [
    'Options that fastify-fabric-job-state does not have are ignored: skipOverride, database',
    'authentication is disabled: anyone who can reach this server can read job states'
  ])
})

t.test('@fastify/autoload registers each of two files that export the plugin itself', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const dir = t.testdir({ 'a.mjs': pluginFile('/a'), 'b.mjs': pluginFile('/b') })
  await app.register(autoload, { dir })
  t.equal((await app.inject('/a' + pollPath())).statusCode, 200)
  t.equal((await app.inject('/b' + pollPath())).statusCode, 200)
  t.ok(app.hasPlugin('fastify-fabric-job-state'), 'other plugins of the host can depend on it by its name')
})

const registrations: Array<[how: string, register: (app: FastifyInstance) => unknown]> = [
  ['directly', (app) => app.register(fabricJobState, { prefix, ...pluginOptions() })],
  ['in a plugin of the host that fastify-plugin wraps', (app) => app.register(fastifyPlugin<FabricJobStateOptions>(
    async (app, options) => { await app.register(fabricJobState, options) }), { prefix, ...pluginOptions() })],
  ['called by a plugin of the host that fastify-plugin wraps', (app) => app.register(fastifyPlugin<FabricJobStateOptions>(
    async (app, options) => { await fabricJobState(app, options) }), { prefix, ...pluginOptions() })],
  ['wrapped by fastify-plugin', (app) => app.register(fastifyPlugin(fabricJobState), { prefix, ...pluginOptions() })],
  ['wrapped by fastify-plugin with encapsulate: true', (app) =>
    app.register(fastifyPlugin(fabricJobState, { encapsulate: true, name: 'wrapped' }), { prefix, ...pluginOptions() })],
  ['by @fastify/autoload with encapsulate: false', (app) => app.register(autoload, {
    dir: t.testdir({ 'fabric.mjs': pluginFile(prefix) }), encapsulate: false
  })]
]

for (const [how, register] of registrations) {
  t.test(`registered ${how} the plugin serves its prefix, and the host's own routes are as without it`, async (t) => {
    const [alone, app] = [Fastify(), Fastify()]
    for (const host of [alone, app]) {
      t.after(() => host.close())
      host.setErrorHandler((error, _request, reply) => reply.code(500).send({ own: String(error) }))
      host.addSchema({ $id: 'own', type: 'object' })
    }
    await register(app)
    for (const host of [alone, app]) await host.register(ownRoutes)
    t.match(await app.inject(prefix + pollPath()), { statusCode: 200 })
    t.match(await app.inject(pollPath()), { statusCode: 404 }, 'nothing is served outside the prefix')
    await compareOwnRoutes(t, { alone, app })
    t.same(app.getSchemas(), alone.getSchemas())
    t.equal(app.hasRequestDecorator('fabricCaller'), false, 'nothing is decorated in the scope of the host')
  })
}

t.test('A name that is nearly one of the plugin\'s is refused, with the right name', async (t) => {
  const names: Array<[name: string, meant: string]> = [
    ['resolverTimout', 'write resolverTimeout'],
    ['resolveTimeout', 'write resolverTimeout'],
    ['resolver', 'write resolveJobState or resolverTimeout'],
    ['timeout', 'write resolverTimeout'],
    ['resolvejobstate', 'write resolveJobState'],
    ['authentification', 'write authentication'],
    ['authenticate', 'write authentication'],
    ['tag', 'write tags'],
    ['confg', 'write config']
  ]
  for (const [name, meant] of names) {
    const registered = Fastify().register(fabricJobState, { ...pluginOptions(), [name]: 7 })
    await t.rejects(Promise.resolve(registered), { message: `fastify-fabric-job-state: there is no option "${name}": ${meant}.` })
  }
})

t.test('An option that belongs elsewhere is refused, with its place', async (t) => {
  await t.rejects(
    Promise.resolve(Fastify().register(fabricJobState, { ...pluginOptions(), ...{ subjectToken: 'required' } })),
    { message: 'fastify-fabric-job-state: subjectToken is an option of authentication: authentication: { subjectToken: … }.' }
  )
  await t.rejects(
    Promise.resolve(Fastify().register(fabricJobState, { ...pluginOptions(), ...{ createJobInstance: async () => {} } })),
    { message: 'fastify-fabric-job-state: createJobInstance is an option of fabricJobs, which serves all three operations.' }
  )
})

t.test('Inside authentication every name that is not an option is refused', async (t) => {
  const { authentication } = createFabric()
  const registered = Fastify().register(fabricJobState, {
    resolveJobState: () => sampleState, authentication: { ...authentication, ...{ skipOverride: true } }
  })
  await t.rejects(Promise.resolve(registered), { message: /^Unknown SubjectAndApp option "skipOverride"/ })
})

t.test('subjectAndApp ignores the options of a loader with one warning, and refuses a misspelt option', async (t) => {
  const { app, warnings } = warnedHost(t)
  const { authentication } = createFabric()
  await app.register(subjectAndApp, { ...authentication, ...{ skipOverride: true, database: {} } })
  t.same(warnings(), ['Options that subjectAndApp does not have are ignored: skipOverride, database'])
  await t.rejects(
    Promise.resolve(Fastify().register(subjectAndApp, { ...authentication, ...{ subjectTokens: 'required' } })),
    { message: /^Unknown SubjectAndApp option "subjectTokens"/ }
  )
})

t.test('A decorator named authenticateSubjectAndApp that is not the plugin\'s is refused', async (t) => {
  for (const [what, standIn] of Object.entries({
    'a function that accepts every request': async () => {},
    'an object': {},
    nothing: undefined
  })) {
    const app = Fastify()
    app.decorate<unknown>('authenticateSubjectAndApp', standIn)
    await t.rejects(Promise.resolve(app.register(fabricJobState, { resolveJobState: () => sampleState })), {
      message: /authenticateSubjectAndApp is not that of subjectAndApp/
    }, what)
    await app.close()
  }
})

t.test('fabricJobs is registered as fabricJobState is, under its prefix however it is wrapped', async (t) => {
  const { app, warnings } = warnedHost(t)
  const options = { ...pluginOptions(), prefix, createJobInstance: async () => {}, cancelJobInstance: () => null, skipOverride: true }
  await app.register(fastifyPlugin(fabricJobs), options)
  t.match(await app.inject(prefix + pollPath()), { statusCode: 200 })
  t.match(await app.inject({ method: 'POST', url: `${prefix}${pollPath()}/cancel` }), { statusCode: 404, body: /JobInstanceNotFound/ })
  t.match(warnings(), ['Options that fastify-fabric-job-state does not have are ignored: skipOverride'])
})
