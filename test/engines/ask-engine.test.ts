import { readFileSync } from 'node:fs'

import Fastify from 'fastify'
import t from 'tap'
import typescript from 'typescript'

import { askEngine } from '../../lib/engines/ask-engine.js'

const { ModuleKind, transpileModule } = typescript

const UNAVAILABLE = { name: 'WorkloadError', statusCode: 503, errorCode: 'EngineUnavailable', source: 'System', isPermanent: false }

t.test('what the engine says is handed on, and what keeps it from saying it becomes 503', async (t) => {
  const ask = askEngine()
  const { log } = Fastify()
  t.equal(await ask(async () => 7, log), 7)
  const cause = new Error('ECONNREFUSED')
  await t.rejects(ask(() => Promise.reject(cause), log), { ...UNAVAILABLE, cause })
  await t.rejects(ask(() => { throw cause }, log), { ...UNAVAILABLE, cause })
})

t.test('an engine that is late is not waited for, and what it says then goes to the log', async (t) => {
  const lines: string[] = []
  const { log } = Fastify({ logger: { stream: { write: (line: string) => lines.push(line) } } })
  let fail = (_error: Error) => {}
  const late = new Promise((_resolve, reject) => { fail = reject })
  await t.rejects(askEngine({ timeout: 1 })(() => late, log), { ...UNAVAILABLE, cause: { message: 'The job engine did not answer within 1 ms.' } })
  fail(new Error('terminated'))
  await t.rejects(late)
  t.match(JSON.parse(String(lines[0])), { level: 40, msg: 'The job engine failed after its deadline', err: { message: 'terminated' } })
})

t.test('a timeout that is none is refused', async (t) => {
  for (const timeout of [0, -1, 1.5, NaN, 2 ** 31]) {
    t.throws(() => askEngine({ timeout }), { name: 'TypeError', message: /timeout is a whole number of milliseconds/ })
  }
})

t.test('nothing of an engine is loaded with its resolver: who has only one installs only one', async (t) => {
  for (const name of ['pg-boss', 'bullmq']) {
    const source = readFileSync(new URL(`../../lib/engines/${name}.ts`, import.meta.url), 'utf8')
    const { outputText } = transpileModule(source, { compilerOptions: { module: ModuleKind.ESNext, verbatimModuleSyntax: true } })
    const imported = Array.from(outputText.matchAll(/ from '([^']+)'/g), ([, specifier]) => specifier)
    t.ok(imported.length > 0)
    t.strictSame(imported.filter((specifier) => !specifier?.startsWith('./') && !specifier?.startsWith('../')), [], name)
  }
})
