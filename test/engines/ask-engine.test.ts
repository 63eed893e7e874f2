import { readFileSync } from 'node:fs'

import Fastify from 'fastify'
import t from 'tap'
import typescript from 'typescript'

import { askEngine } from '../../lib/engines/ask-engine.js'
import { WorkloadError } from '../../lib/index.js'

const { ModuleKind, transpileModule } = typescript

const UNAVAILABLE = {
  name: 'WorkloadError',
  statusCode: 503,
  errorCode: 'EngineUnavailable',
  source: 'System',
  isPermanent: false,
  headers: { 'Retry-After': '5' }
}

t.test('returns what the engine answers; any failure of the engine becomes 503 with Retry-After', async (t) => {
  const ask = askEngine()
  const { log } = Fastify()
  t.equal(await ask(async () => 7, log), 7)
  const cause = new Error('ECONNREFUSED')
  await t.rejects(ask(() => Promise.reject(cause), log), { ...UNAVAILABLE, cause })
  await t.rejects(ask(() => { throw cause }, log), { ...UNAVAILABLE, cause })
})

t.test('a WorkloadError of an operation is thrown as it is', async (t) => {
  const error = new WorkloadError({ statusCode: 409, errorCode: 'JobNotAccepted', message: 'No.', source: 'System' })
  t.equal(await askEngine()(() => Promise.reject(error), Fastify().log).catch((thrown: unknown) => thrown), error)
})

t.test('an engine that is late is not waited for, and its later failure is logged', async (t) => {
  const lines: string[] = []
  const { log } = Fastify({ logger: { stream: { write: (line: string) => lines.push(line) } } })
  let fail = (_error: Error) => {}
  const late = new Promise((_resolve, reject) => { fail = reject })
  const cause = { message: 'The job engine did not answer within 1 ms.' }
  await t.rejects(askEngine({ timeout: 1 })(() => late, log), { ...UNAVAILABLE, cause })
  fail(new Error('terminated'))
  await t.rejects(late)
  t.match(JSON.parse(String(lines[0])), {
    level: 40, msg: 'The job engine failed after its deadline', err: { message: 'terminated' }
  })
})

t.test('an invalid timeout is refused at registration', async (t) => {
  for (const timeout of [0, -1, 1.5, NaN, 2 ** 31]) {
    t.throws(() => askEngine({ timeout }), { name: 'TypeError', message: /timeout is a whole number of milliseconds/ })
  }
})

t.test('the entry of an engine imports no package, so a host with one engine installs one engine', async (t) => {
  for (const name of ['pg-boss', 'bullmq']) {
    const source = readFileSync(new URL(`../../lib/engines/${name}.ts`, import.meta.url), 'utf8')
    const compilerOptions = { module: ModuleKind.ESNext, verbatimModuleSyntax: true }
    const { outputText } = transpileModule(source, { compilerOptions })
    const imported = Array.from(outputText.matchAll(/ from '([^']+)'/g), ([, specifier]) => specifier)
    t.ok(imported.length > 0)
    t.strictSame(imported.filter((specifier) => !specifier?.startsWith('./') && !specifier?.startsWith('../')), [], name)
  }
})
