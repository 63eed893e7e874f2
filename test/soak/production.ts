// Three replicas behind a proxy, 500 polls a second, jobs running. One replica is killed, one is stopped, PostgreSQL is
// restarted. Prints second by second which responses the clients got, and what the readiness of each replica was:
//
//   npm run soak:production
//
// The proxy is Caddy with examples/workload/Caddyfile: `caddy` in the PATH, or CADDY_PATH.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import { createFabric } from '../../lib/testing/index.js'
import { milliseconds, quantile, spread, Tally } from './figures.js'
import { Replica } from './replica.js'
import { freePort, postgres } from './services.js'
import { steadyLoad, type Polled } from './steady-load.js'

const PER_SECOND = 500
const JOBS = 12
const JOB_SECONDS = 30
const DRAIN_SECONDS = 3

const folder = mkdtempSync(join(tmpdir(), 'production-'))
const fabric = createFabric()
const { authentication, close: closeIssuer } = await fabric.listen()
const database = await postgres()
const replicas = await Promise.all(['a', 'b', 'c'].map(async (name) => new Replica({
  port: await freePort(),
  databaseUrl: database.url,
  fabric,
  authentication,
  log: join(folder, `${name}.log`),
  settings: { DRAIN_SECONDS: String(DRAIN_SECONDS), LOG_LEVEL: 'warn' }
})))
const [killed, stopped] = replicas
if (killed === undefined || stopped === undefined) throw new Error('There are three replicas')
await Promise.all(replicas.map((replica) => replica.isReady()))
const proxy = await startProxy()

const headers = await fabric.headers()
const urls = await createJobs()
const ended = new Set<string>()

const polled: Polled<string>[] = []
const events: Array<{ at: number, what: string }> = []
const readiness: Array<{ at: number, states: string[] }> = []
let isOver = false
const begin = performance.now()
const note = (what: string) => events.push({ at: performance.now() - begin, what })
const load = steadyLoad({
  perSecond: PER_SECOND,
  while: () => !isOver,
  question: () => urls[Math.floor(Math.random() * urls.length)] ?? '',
  urls: (url) => [url],
  headers,
  onAnswer (answer) {
    polled.push(answer)
    if (answer.body?.status === 'Completed') ended.add(answer.question)
  }
})
const watching = watchReadiness(() => !isOver)

await setTimeout(5_000)
note('SIGKILL to a')
await killed.end('SIGKILL')
await setTimeout(3_000)
note('a is started again')
killed.restart()
await setTimeout(5_000)
note('SIGTERM to b')
note(`b has ended: exit code ${await stopped.end('SIGTERM')}`)
await setTimeout(2_000)
note('b is started again')
stopped.restart()
await setTimeout(5_000)
note('PostgreSQL is stopped')
await database.stop()
await setTimeout(4_000)
await database.start()
note('PostgreSQL is up')
await setTimeout(5_000)
while (ended.size < JOBS && performance.now() - begin < 180_000) await setTimeout(500)
isOver = true
await load
await watching

report()
const exitCodes = await Promise.all(replicas.map((replica) => replica.end('SIGTERM')))
proxy.kill('SIGTERM')
await once(proxy, 'exit')
await closeIssuer()
await database.remove()
const lines = ['a', 'b', 'c'].flatMap((name) => readFileSync(join(folder, `${name}.log`), 'utf8').trim().split('\n'))
console.log(`logs: ${lines.length} lines, ${lines.filter((line) => line !== '' && !line.startsWith('{')).length} of them not JSON`)
console.log(`SIGTERM to all at the end: exit codes ${exitCodes.join(', ')}`)
rmSync(folder, { recursive: true })

assert.deepEqual(polled.filter((poll) => !isExpected(poll)), [], 'each poll is answered 200, or 502 or 503 with an ErrorResponse')
assert.equal(polled.at(-1)?.outcome, 200, 'the workload is back')
assert.equal(ended.size, JOBS, 'every job has completed')

async function startProxy (): Promise<{ url: string } & ChildProcess> {
  const address = `http://127.0.0.1:${await freePort()}`
  const program = process.env.CADDY_PATH ?? 'caddy'
  const caddy = spawn(program, ['run', '--adapter', 'caddyfile', '--config', 'examples/workload/Caddyfile'], {
    env: {
      ...process.env,
      HOME: folder,
      ADDRESS: address,
      REPLICAS: replicas.map(({ url }) => new URL(url).host).join(' ')
    },
    stdio: 'ignore'
  })
  await once(caddy, 'spawn')
  while (!await fetch(`${address}/health`).then(() => true, () => false)) {
    if (caddy.exitCode !== null) throw new Error(`${program} ended with ${caddy.exitCode}`)
    await setTimeout(50)
  }
  return Object.assign(caddy, { url: address })
}

async function createJobs (): Promise<string[]> {
  return await Promise.all(Array.from({ length: JOBS }, async () => {
    const { url } = await fabric.poll({ prefix: '/workload-api', job: { jobInstanceId: randomUUID() }, appToken: '', subjectToken: '' })
    const response = await fetch(proxy.url + url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ invokeType: 'Manual', creationPayload: { seconds: JOB_SECONDS } })
    })
    assert.equal(response.status, 202, await response.text())
    return proxy.url + url
  }))
}

/** Asks each replica four times a second. */
async function watchReadiness (goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    const at = performance.now() - begin
    readiness.push({ at, states: await Promise.all(replicas.map((replica) => replica.readiness())) })
    await setTimeout(Math.max(0, at + 250 - (performance.now() - begin)))
  }
}

function isExpected ({ outcome, body }: Polled<string>): boolean {
  if (outcome === 200) return body?.status === 'InProgress' || body?.status === 'Completed' || body?.status === 'NotStarted'
  return (outcome === 502 || outcome === 503) && body?.errorCode !== undefined
}

function report (): void {
  console.log('second | polls: responses | 99% | a | b | c | event')
  console.log('---: | --- | ---: | --- | --- | --- | ---')
  const seconds = Math.ceil(Math.max(...polled.map(({ asked }) => asked)) / 1_000)
  for (let second = 0; second < seconds; second++) {
    const isNow = (at: number) => Math.floor(at / 1_000) === second
    const polls = polled.filter(({ asked }) => isNow(asked))
    const took = quantile(polls.map(({ asked, answered }) => answered - asked), 0.99)
    const states = replicas.map((_, i) => [...new Set(readiness.filter(({ at }) => isNow(at)).map(({ states }) => states[i]))].join(', '))
    const happened = events.filter(({ at }) => isNow(at)).map(({ what }) => what).join('; ')
    console.log([second, `${polls.length}: ${outcomesOf(polls)}`, milliseconds(took), ...states, happened].join(' | '))
  }
  console.log(`\n${polled.length} polls: ${outcomesOf(polled)}; ${spread(polled.map(({ asked, answered }) => answered - asked))}`)
  console.log(`jobs: ${ended.size} of ${JOBS} Completed`)
}

function outcomesOf (polls: Polled<string>[]): Tally {
  const outcomes = new Tally()
  for (const { outcome, body } of polls) outcomes.add(outcome === 200 ? outcome : `${outcome} ${body?.errorCode ?? ''}`)
  return outcomes
}
