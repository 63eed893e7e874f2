import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import ts from 'typescript'

// Imported from the build, as in the snippets: the module of lib/ would be another instance.
import { createFabric, type Fabric, type Poll } from 'fastify-fabric-job-state/testing'

import { newDatabase } from './engines/pg-boss-engine.js'
import { DATABASE_URL, skipWithout } from './engines/services.js'
import { HELD } from './helpers/held-process.js'

// The snippets import the build by the package's name, as users do.

/** The README's TypeScript, by the heading above it. */
const snippets = new Map<string, string>()
let heading = ''
for (const [, title, code] of readFileSync('README.md', 'utf8').matchAll(/^## (.+)$|^```ts\n([^]*?)^```$/gm)) {
  if (title !== undefined) heading = title
  if (code === undefined) continue
  if (snippets.has(heading)) throw new Error(`The README has two snippets under "${heading}"`)
  snippets.set(heading, code)
}

t.test('every snippet of the README compiles', async (t) => {
  const folder = t.testdir(Object.fromEntries([...snippets].map(([title, code]) => [`${title}.mts`, code])))
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.')
  const modules = [...snippets.keys()].map((title) => join(folder, `${title}.mts`))
  const program = ts.createProgram(modules, { ...options, noEmit: true, rootDir: process.cwd() })
  t.ok(modules.length > 0)
  t.strictSame(ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => [file?.fileName, messageText]), [])
})

/** Writes a snippet as a module and returns its path. */
function moduleOf (t: Test, title: string): string {
  const code = snippets.get(title)
  if (code === undefined) throw new Error(`The README has no snippet under "${title}"`)
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  return join(t.testdir({ 'snippet.mjs': ts.transpileModule(code, { compilerOptions }).outputText }), 'snippet.mjs')
}

t.test('the plugin of the README answers 401 with an ErrorResponse to a request without tokens', async (t) => {
  const server = spawn(process.execPath, [moduleOf(t, 'The plugin')], {
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

t.test('the test of the README passes in the test runner of Node.js', async (t) => {
  const runner = spawn(process.execPath, ['--test', moduleOf(t, 'Test without a tenant')],
    // Otherwise the runner detects a parent test runner and reports nothing.
    { env: { ...process.env, ...HELD, NODE_TEST_CONTEXT: undefined } })
  let output = ''
  runner.stdout.on('data', (data) => { output += data })
  const [exitCode] = await once(runner, 'close')
  t.equal(exitCode, 0, output)
  t.match(output, /pass 1\b/)
})

t.test('the resolver of the README returns a row as a state, null without a row, and 503 during maintenance', async (t) => {
  const row = { status: 'Failed', started: new Date(0), ended: null, error: 'No data.' }
  const database = { isInMaintenance: false, find: async (id: string) => id === 'known' ? row : undefined }
  Object.assign(globalThis, { database })
  const { resolveJobState } = await import(pathToFileURL(moduleOf(t, 'The resolver')).href)

  t.strictSame(await resolveJobState({ jobInstanceId: 'known' }, {}), {
    status: 'Failed',
    startTimeUtc: new Date(0),
    endTimeUtc: null,
    errorDetails: { errorCode: 'ForecastFailed', message: 'No data.', source: 'System' }
  })
  t.equal(await resolveJobState({ jobInstanceId: 'unknown' }, {}), null)
  database.isInMaintenance = true
  await t.rejects(resolveJobState({ jobInstanceId: 'known' }, {}), {
    name: 'WorkloadError', statusCode: 503, headers: { 'Retry-After': '3600' }
  })
})

const skip = await skipWithout('PostgreSQL', DATABASE_URL)

t.test('the workload of the README creates a job once, does its work, and cancels it', { skip }, async (t) => {
  const fabric = createFabric()
  const { workload } = await import(pathToFileURL(moduleOf(t, 'The whole job over an engine')).href)
  const app: FastifyInstance = await workload(await newDatabase(t), fabric.authentication)
  t.teardown(() => app.close())
  const [completing, cancelled] = [await pollOf(fabric), await pollOf(fabric)]

  t.match((await app.inject(completing)).json(), { errorCode: 'JobInstanceNotFound' })
  for (const poll of [completing, completing, cancelled]) {
    t.equal((await app.inject({ ...poll, method: 'POST', payload: { invokeType: 'Manual' } })).statusCode, 202)
  }
  const cancel = await app.inject({ ...cancelled, method: 'POST', url: `${cancelled.url}/cancel` })
  t.match(cancel.json(), { status: 'Cancelled' })
  t.match(await endOf(app, completing), { status: 'Completed', startTimeUtc: /Z$/, endTimeUtc: /Z$/ })
  t.match((await app.inject(cancelled)).json(), { status: 'Cancelled' })
})

const pollOf = (fabric: Fabric) => fabric.poll({ prefix: '/workload-api', job: { jobInstanceId: randomUUID() } })

/** Polls a job, as Fabric does, until it has ended. */
async function endOf (app: FastifyInstance, poll: Poll): Promise<{ status: string }> {
  for (;;) {
    const state = (await app.inject(poll)).json()
    if (!['NotStarted', 'InProgress'].includes(state.status)) return state
    await setTimeout(50)
  }
}

t.test('the host of the README authenticates its own route, and its errors are ErrorResponses', async (t) => {
  const { app, fabric } = await import(pathToFileURL(moduleOf(t, 'Your other Fabric routes')).href)
  t.teardown(() => app.close())
  const poll = await fabric.poll()
  t.equal((await app.inject(poll)).json().status, 'NotStarted')

  const url = poll.url.replace(/\/jobTypes.*/, '')
  const own = await app.inject({ ...poll, method: 'POST', url })
  t.equal(own.statusCode, 200)
  t.strictSame(own.json(), { tenantId: poll.headers['x-ms-client-tenant-id'] })

  const refused = await app.inject({ method: 'POST', url })
  t.equal(refused.statusCode, 401)
  t.equal(refused.json().errorCode, 'AuthenticationFailed')
  t.equal((await app.inject(`${poll.url}%zz`)).json().errorCode, 'BadRequest')
  t.equal((await app.inject(poll.url.replace('calculateForecast', 'x'.repeat(300)))).statusCode, 414)
})

t.test('each relative link of the README and of docs/ points to an existing file and heading', async (t) => {
  const pages = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...readdirSync('docs').filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
  for (const page of pages) {
    for (const [, link = ''] of readFileSync(page, 'utf8').matchAll(/(?:\]\(|src(?:set)?=")(?!https:)([^)"]+)/g)) {
      const [path = '', anchor] = link.split('#')
      const target = join(dirname(page), path)
      t.ok(existsSync(target), `${page}: ${link}`)
      if (anchor !== undefined) t.ok(anchorsOf(path === '' ? page : target).includes(anchor), `${page}: ${link}`)
    }
  }
})

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf (page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)]
    .map(([, title = '']) => title.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'))
}
