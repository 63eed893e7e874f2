import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

import { PGlite } from '@electric-sql/pglite'
import { fromPglite, PgBoss } from 'pg-boss'
import t, { type Test } from 'tap'
import ts from 'typescript'

// The build's own, as the snippets have it: of lib/ it would be another module.
import { createFabric } from 'fastify-fabric-job-state/testing'

import { HELD } from './helpers/held-process.js'

// The snippets import the package by its name, as its users do: what they run is the build.

/** The README's TypeScript, by the heading above it. */
const snippets = new Map<string, string>()
let heading = ''
for (const [, title, code] of readFileSync('README.md', 'utf8').matchAll(/^## (.+)$|^```ts\n([^]*?)^```$/gm)) {
  if (title !== undefined) heading = title
  if (code !== undefined) snippets.set(heading, code)
}

t.test('every snippet holds for the compiler', async (t) => {
  const folder = t.testdir(Object.fromEntries([...snippets].map(([title, code]) => [`${title}.mts`, code])))
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.')
  const modules = [...snippets.keys()].map((title) => join(folder, `${title}.mts`))
  const program = ts.createProgram(modules, { ...options, noEmit: true, rootDir: process.cwd() })
  t.ok(modules.length > 0)
  t.strictSame(ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => [file?.fileName, messageText]), [])
})

/** Writes a snippet as a module that Node runs, and gives its path. */
function moduleOf (t: Test, title: string): string {
  const code = snippets.get(title)
  if (code === undefined) throw new Error(`The README has no snippet under "${title}"`)
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  return join(t.testdir({ 'snippet.mjs': ts.transpileModule(code, { compilerOptions }).outputText }), 'snippet.mjs')
}

t.test('the server of the README answers a stranger 401, in the form of the contract', async (t) => {
  const server = spawn(process.execPath, [moduleOf(t, 'In your server')], {
    env: { ...process.env, ...HELD, PORT: '0' }
  })
  t.teardown(() => server.kill())
  const origin = await originIn(server.stdout)
  const response = await fetch(`${origin}/workload-api/workspaces/1/items/2/3/jobTypes/4/instances/5`)
  t.equal(response.status, 401)
  t.match(await response.json(), { errorCode: 'AuthenticationFailed', source: 'External' })
})

async function originIn (log: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(log)) {
    const origin = /Server listening at (http:\/\/127[^"]+)/.exec(line)?.[1]
    if (origin !== undefined) return origin
  }
  throw new Error('The server ended without listening')
}

t.test('the test of the README passes under the runner of Node', async (t) => {
  const runner = spawn(process.execPath, ['--test', moduleOf(t, 'Test it without a tenant')],
    // Without this the runner believes that it was started by another one, and reports nothing.
    { env: { ...process.env, ...HELD, NODE_TEST_CONTEXT: undefined } })
  let output = ''
  runner.stdout.on('data', (data) => { output += data })
  const [exitCode] = await once(runner, 'close')
  t.equal(exitCode, 0, output)
  t.match(output, /pass 1\b/)
})

t.test('the resolver of the README tells of rows, of none, and of its maintenance', async (t) => {
  const row = { status: 'Failed', started: new Date(0), ended: null, error: 'No data.' }
  const database = { isMoving: false, find: async (id: string) => id === 'known' ? row : undefined }
  Object.assign(globalThis, { database })
  const { resolveJobState } = await import(pathToFileURL(moduleOf(t, 'The resolver')).href)

  t.strictSame(await resolveJobState({ jobInstanceId: 'known' }, {}), {
    status: 'Failed',
    startTimeUtc: new Date(0),
    endTimeUtc: null,
    errorDetails: { errorCode: 'ForecastFailed', message: 'No data.', source: 'System' }
  })
  t.equal(await resolveJobState({ jobInstanceId: 'unknown' }, {}), null)
  database.isMoving = true
  await t.rejects(resolveJobState({ jobInstanceId: 'known' }, {}), { name: 'WorkloadError', statusCode: 503 })
})

t.test('the workload of the README starts jobs in pg-boss and tells how they are doing', async (t) => {
  const boss = await startBoss(t)
  const fabric = createFabric()
  const { workload } = await import(pathToFileURL(moduleOf(t, 'Over a job engine')).href)
  const app = await workload(boss, fabric.authentication)
  t.teardown(() => app.close())
  const poll = await fabric.poll()
  const state = async () => (await app.inject(poll)).json()

  t.match(await state(), { errorCode: 'JobInstanceNotFound' })
  t.equal((await app.inject({ ...poll, method: 'POST' })).statusCode, 202)
  t.strictSame(await state(), { status: 'NotStarted' })

  const [job] = await boss.fetch<{ months: number }>('calculateForecast')
  t.equal(job?.data.months, 12)
  t.match(await state(), { status: 'InProgress', startTimeUtc: /Z$/ })
  await boss.complete('calculateForecast', String(job?.id))
  t.match(await state(), { status: 'Completed', startTimeUtc: /Z$/, endTimeUtc: /Z$/ })
})

async function startBoss (t: Test): Promise<PgBoss> {
  const pglite = await PGlite.create()
  const boss = new PgBoss({ db: fromPglite(pglite), backend: 'pglite', supervise: false, schedule: false })
  await boss.start()
  t.teardown(async () => {
    await boss.stop({ graceful: false })
    await pglite.close()
  })
  await boss.createQueue('calculateForecast')
  return boss
}

t.test('the routes of the README are authenticated and fail in one form', async (t) => {
  const { app, fabric } = await import(pathToFileURL(moduleOf(t, 'What each failure answers')).href)
  t.teardown(() => app.close())
  const poll = await fabric.poll()

  t.equal((await app.inject(poll)).json().status, 'NotStarted')
  const start = await app.inject({ ...poll, method: 'POST' })
  t.equal(start.statusCode, 202)
  t.strictSame(start.json(), { tenantId: poll.headers['x-ms-client-tenant-id'] })

  const stranger = await app.inject({ method: 'POST', url: poll.url })
  t.equal(stranger.statusCode, 401)
  t.equal(stranger.json().errorCode, 'AuthenticationFailed')
  t.equal((await app.inject(`${poll.url}%zz`)).json().errorCode, 'BadRequest')
  t.equal((await app.inject(poll.url.replace('calculateForecast', 'x'.repeat(300)))).statusCode, 414)
})

t.test('the workload of the README sheds what is too much, in the form of the contract', async (t) => {
  const fabric = createFabric()
  const { workload } = await import(pathToFileURL(moduleOf(t, 'Under load')).href)
  const app = await workload({
    authentication: fabric.authentication,
    resolveJobState () {
      for (const end = performance.now() + 300; performance.now() < end;);
      return { status: 'NotStarted' }
    }
  })
  t.teardown(() => app.close())
  const poll = await fabric.poll()

  let answer = await app.inject(poll)
  t.equal(answer.statusCode, 200)
  while (answer.statusCode === 200) {
    await setImmediate()
    answer = await app.inject(poll)
  }
  t.match(answer, { statusCode: 503, headers: { 'retry-after': '60' } })
  t.match(answer.json(), { errorCode: 'ServiceUnavailable', source: 'System', isPermanent: false })
})
