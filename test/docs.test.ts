import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { PGlite } from '@electric-sql/pglite'
import Fastify, { type FastifyInstance } from 'fastify'
import { fabricJobs, type AuthenticationOptions } from 'fastify-fabric-job-state'
import { pgBossJobs } from 'fastify-fabric-job-state/pg-boss'
import { createFabric } from 'fastify-fabric-job-state/testing'
import { fromPglite, PgBoss } from 'pg-boss'
import t, { type Test } from 'tap'
import ts from 'typescript'

import { newDatabase } from './engines/pg-boss-engine.js'
import { DATABASE_URL, REDIS_URL, redisDatabase, skipWithout } from './engines/services.js'
import { HELD } from './helpers/held-process.js'

// The snippets of docs/ import the build by the package's name, as users do.

/** The TypeScript of docs/, by page and heading. */
const snippets = new Map<string, string>()
for (const page of readdirSync('docs').filter((name) => name.endsWith('.md'))) {
  let heading = ''
  for (const [, title, code] of readFileSync(join('docs', page), 'utf8').matchAll(/^#+ (.+)$|^```ts\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title
    if (code === undefined) continue
    if (snippets.has(`${page}: ${heading}`)) throw new Error(`${page} has two snippets under "${heading}"`)
    snippets.set(`${page}: ${heading}`, code)
  }
}

t.test('each snippet of docs/ compiles', async (t) => {
  const folder = t.testdir(Object.fromEntries([...snippets.values()].map((code, i) => [`${i}.mts`, code])))
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.')
  const modules = [...snippets.keys()].map((_, i) => join(folder, `${i}.mts`))
  const program = ts.createProgram(modules, { ...options, noEmit: true, rootDir: process.cwd() })
  t.ok(modules.length > 0)
  t.strictSame(ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => [file?.fileName, messageText]), [])
})

/** Writes a snippet with the given code after it as a module, and returns its URL. */
function moduleOf (t: Test, code: string, after = ''): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  const folder = t.testdir({ 'snippet.mjs': ts.transpileModule(code, { compilerOptions }).outputText + after })
  return pathToFileURL(join(folder, 'snippet.mjs')).href
}

async function appOf (t: Test, code: string): Promise<FastifyInstance> {
  const { app }: { app: FastifyInstance } = await import(moduleOf(t, code))
  t.teardown(() => app.close())
  return app
}

async function firstLine (log: NodeJS.ReadableStream, part: string): Promise<string> {
  for await (const line of createInterface(log)) if (line.includes(part)) return line
  throw new Error(`The log ended without a line with "${part}"`)
}

const runs: Record<string, (t: Test, code: string) => Promise<void>> = {
  async 'authentication.md: Clouds' (t, code) {
    const app = await appOf(t, code)
    const { statusCode } = await app.inject('/workspaces/1/items/2/3/jobTypes/4/instances/5')
    t.equal(statusCode, 401)
  },

  async 'authentication.md: Proxies' (t, code) {
    const proxy = createServer()
    t.teardown(() => proxy.close())
    proxy.on('connect', (_, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'))
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port } = proxy.address() as AddressInfo
    const server = `
      import Fastify from 'fastify'
      import { subjectAndApp } from 'fastify-fabric-job-state'
      const app = Fastify({ logger: true })
      const id = '7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c'
      await app.register(subjectAndApp, { publisherTenantId: id, clientId: id, audience: 'api://contoso.example' })
      await app.listen({ host: '127.0.0.1', port: 0 })
    `
    // Each way that the table of the page has for this line of Node.js.
    const line = Number(process.versions.node.split('.')[0])
    const ways = [
      ...line < 26 ? [{ before: code, env: {} }] : [],
      ...line >= 22 ? [{ before: '', env: { NODE_USE_ENV_PROXY: '1' } }] : []
    ]
    for (const { before, env } of ways) {
      const module = moduleOf(t, before, server)
      const child = spawn(process.execPath, ['--input-type=module', '--eval', `import ${JSON.stringify(module)}`], {
        env: { ...process.env, NODE_OPTIONS: '', HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '', ...env }
      })
      t.teardown(() => child.kill())
      const [request] = await once(proxy, 'connect')
      t.equal(request.url, 'login.microsoftonline.com:443')
      t.match(await firstLine(child.stdout, 'signing keys could not be retrieved'), 'Proxy response (407)')
    }
  },

  async 'authentication.md: 431 from Node.js' (t, code) {
    const app = await appOf(t, code)
    app.get('/', () => 'accepted')
    const response = await fetch(await app.listen({ host: '127.0.0.1', port: 0 }), { headers: { authorization: 'x'.repeat(40_000) } })
    t.equal(await response.text(), 'accepted')
  },

  async 'engines.md: pg-boss' (t, code) {
    const { workload } = await import(moduleOf(t, code))
    const database = await newDatabase(t)
    await holdJobs(t, (authentication) => workload(database, authentication))
  },

  async 'engines.md: BullMQ' (t, code) {
    const { workload } = await import(moduleOf(t, code))
    await holdJobs(t, (authentication) => workload(redisDatabase(1), authentication))
  },

  async 'extensibility-toolkit.md: Which API Fabric calls' (t, code) {
    const { workload } = await import(moduleOf(t, code))
    const fabric = createFabric()
    const app: FastifyInstance = await workload({
      createJobInstance: () => {},
      resolveJobState: () => null,
      cancelJobInstance: () => ({ status: 'Cancelled' }),
      authentication: fabric.authentication
    })
    t.teardown(() => app.close())
    const prefix = '/workload-api'
    t.equal((await app.inject(await fabric.poll({ prefix }))).statusCode, 404)
    const created = await app.inject(await fabric.toolkitRequest('onCreateJobInstance', { prefix }))
    t.equal(created.statusCode, 201)
    t.strictSame(created.json(), { status: 'NotStarted' })
    t.strictSame((await app.inject(await fabric.toolkitRequest('onCancelJobInstance', { prefix }))).json(), { status: 'Cancelled' })
  },

  async 'extensibility-toolkit.md: Schemas and tests' (t, code) {
    const runner = spawn(process.execPath, ['--test', fileURLToPath(moduleOf(t, code))], {
      // Without this the runner believes that it was started by another one, and reports nothing.
      env: { ...process.env, ...HELD, NODE_TEST_CONTEXT: undefined }
    })
    const [output, [exitCode]] = await Promise.all([text(runner.stdout), once(runner, 'close')])
    t.equal(exitCode, 0, output)
    t.match(output, /pass 1\b/)
  },

  async 'engines.md: Options' (t, code) {
    const { forecasts } = await import(moduleOf(t, code))
    const boss = await startBoss(t)
    const fabric = createFabric()
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(fabricJobs, { authentication: fabric.authentication, ...forecasts(boss) })
    const request = await fabric.poll({ job: { jobType: 'calculateForecastNow' } })
    const create = (months: unknown) => app.inject({
      ...request, method: 'POST', payload: { invokeType: 'Manual', creationPayload: { months } }
    })
    t.match((await create('12')).json(), { errorCode: 'InvalidMonths' })
    t.equal((await create(24)).statusCode, 202)
    t.match(await boss.findJobs('forecasts'), [{ data: { months: 24 }, priority: 1, expireInSeconds: 3_600 }])
  },

  async 'engines.md: The state alone' (t, code) {
    const { workload } = await import(moduleOf(t, code))
    const boss = await startBoss(t)
    await boss.createQueue('calculateForecast')
    const fabric = createFabric()
    const app: FastifyInstance = await workload(boss, fabric.authentication)
    t.teardown(() => app.close())
    const poll = await fabric.poll({ job: { jobType: 'calculateForecast' } })
    t.equal((await app.inject({ ...poll, method: 'POST' })).statusCode, 202)
    t.strictSame((await app.inject(poll)).json(), { status: 'NotStarted' })
  },

  async 'monitoring.md: Channels' (t, code) {
    const { refusals }: { refusals: Map<string, number> } = await import(moduleOf(t, code))
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(fabricJobs, {
      authentication: createFabric().authentication, createJobInstance () {}, resolveJobState: () => null, cancelJobInstance: () => null
    })
    const { url } = await createFabric().poll()
    for (let i = 0; i < 2; i++) await app.inject(url)
    t.strictSame([...refusals], [['AuthorizationMissing', 2]])
  },

  async 'performance.md: Load shedding' (t, code) {
    const fabric = createFabric()
    const { workload } = await import(moduleOf(t, code))
    const app: FastifyInstance = await workload({
      authentication: fabric.authentication,
      resolveJobState () {
        for (const end = performance.now() + 300; performance.now() < end;);
        return { status: 'NotStarted' }
      }
    })
    t.teardown(() => app.close())
    const poll = await fabric.poll()

    let response = await app.inject(poll)
    t.equal(response.statusCode, 200)
    while (response.statusCode === 200) {
      await setImmediate()
      response = await app.inject(poll)
    }
    t.match(response, { statusCode: 503, headers: { 'retry-after': '60' } })
    t.match(response.json(), { errorCode: 'ServiceUnavailable', source: 'System', isPermanent: false })
  },

  async 'production.md: Health' (t, code) {
    const { workload } = await import(moduleOf(t, code))
    const boss = await startBoss(t)
    const fabric = createFabric()
    const app: FastifyInstance = await workload(boss, fabric.authentication, 0)
    t.teardown(() => app.close())
    t.match(await app.inject('/health/live'), { statusCode: 200 })
    const before = await app.inject('/health/ready')
    t.equal(before.statusCode, 503)
    t.strictSame(before.json(), { open: true, signingKeys: false, engine: true })
    const poll = await fabric.poll({ prefix: '/workload-api', job: { jobType: 'calculateForecast' } })
    t.match((await app.inject(poll)).json(), { errorCode: 'JobInstanceNotFound' })
    t.equal((await app.inject('/health/ready')).statusCode, 200)
    await boss.stop({ graceful: false })
    t.match((await app.inject('/health/ready')).json(), { open: true, signingKeys: true })
  },

  async 'production.md: Logs' (t, code) {
    const { work } = await import(moduleOf(t, code))
    const boss = await startBoss(t)
    const fabric = createFabric()
    const lines = new PassThrough()
    const app = Fastify({ logger: { level: 'info', stream: lines } })
    t.teardown(() => app.close())
    await app.register(fabricJobs, { authentication: fabric.authentication, ...pgBossJobs(boss, { jobTypes: ['calculateForecast'] }) })
    await work(boss, app.log)
    const request = await fabric.poll({ job: { jobType: 'calculateForecast' } })
    t.equal((await app.inject({ ...request, method: 'POST', payload: { invokeType: 'Manual' } })).statusCode, 202)
    const { activityId } = JSON.parse(await firstLine(lines, 'Job completed'))
    t.equal(activityId, request.headers.activityid)
  },

  async 'reference.md: Responses of Fastify and Node.js' (t, code) {
    const app = await appOf(t, code)
    const { url } = await createFabric().poll()
    t.match((await app.inject(url)).json(), { errorCode: 'JobInstanceNotFound' })
    t.match((await app.inject(`${url}%zz`)).json(), { errorCode: 'BadRequest', source: 'User' })
    t.equal((await app.inject(url.replace('calculateForecast', 'x'.repeat(200)))).statusCode, 404)
    t.equal((await app.inject(url.replace('calculateForecast', 'x'.repeat(300)))).statusCode, 414)
  },

  async 'reference.md: Hooks of the application' (t, code) {
    const app = await appOf(t, code)
    t.equal((await app.inject('/')).statusCode, 401)
    t.equal((await app.inject({ url: '/', headers: { cookie: 'session=1' } })).statusCode, 200)
    t.equal((await app.inject(await createFabric().poll())).statusCode, 200)
  },

  async 'reference.md: Schemas' (t, code) {
    const { isState } = await import(moduleOf(t, code))
    t.equal(isState({ status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }), true)
    t.equal(isState({ status: 'InProgress', startTimeUtc: 'yesterday' }), false)
    t.equal(isState({ status: 'Done' }), false)
  }
}

async function startBoss (t: Test): Promise<PgBoss> {
  const pglite = await PGlite.create()
  const boss = new PgBoss({ db: fromPglite(pglite), backend: 'pglite', supervise: false, schedule: false })
  await boss.start()
  t.teardown(async () => {
    await boss.stop({ graceful: false })
    await pglite.close()
  })
  return boss
}

/** Creates two jobs as Fabric does, cancels one, and waits until the other has completed. */
async function holdJobs (t: Test, start: (authentication: AuthenticationOptions) => Promise<FastifyInstance>): Promise<void> {
  const fabric = createFabric()
  const app = await start(fabric.authentication)
  t.teardown(() => app.close())
  const requestOf = (jobInstanceId: string) => fabric.poll({ job: { jobType: 'calculateForecast', jobInstanceId } })
  const [completing, cancelled] = [await requestOf(randomUUID()), await requestOf(randomUUID())]
  const payload = { invokeType: 'Manual', creationPayload: { months: 12 } }
  for (const request of [completing, completing, cancelled]) {
    t.equal((await app.inject({ ...request, method: 'POST', payload })).statusCode, 202)
  }
  const cancel = await app.inject({ ...cancelled, url: `${cancelled.url}/cancel`, method: 'POST' })
  t.match(cancel.json(), { status: 'Cancelled' })
  let state = { status: '' }
  while (!['Completed', 'Failed'].includes(state.status)) {
    await setTimeout(50)
    state = (await app.inject(completing)).json()
  }
  t.match(state, { status: 'Completed', startTimeUtc: /Z$/, endTimeUtc: /Z$/ })
  t.match((await app.inject(cancelled)).json(), { status: 'Cancelled' })
}

t.same([...snippets.keys()].sort(), Object.keys(runs).sort(), 'each snippet of docs/ has a run')

const skips: Record<string, false | string> = {
  'engines.md: pg-boss': await skipWithout('PostgreSQL', DATABASE_URL),
  'engines.md: BullMQ': await skipWithout('Redis', REDIS_URL)
}

for (const [name, run] of Object.entries(runs)) {
  t.test(`the snippet of ${name} runs`, { skip: skips[name] ?? false }, (t) => run(t, snippets.get(name) ?? ''))
}
