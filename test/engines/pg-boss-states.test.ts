import { createRequire } from 'node:module'

import { PgBoss } from 'pg-boss'
import t, { type Test } from 'tap'

import { pgBossJobState } from '../../lib/engines/pg-boss.js'
import { Engine, send } from './pg-boss-engine.js'
import { NOT_THERE, Poller, someJob, state } from './polling.js'
import { DATABASE_URL, skipWithout } from './services.js'

const skip = await skipWithout('PostgreSQL', DATABASE_URL)
const pg = createRequire(import.meta.resolve('pg-boss'))('pg')

const START = '2030-01-01T00:00:00.123Z'
const END = '2030-01-01T00:01:00.000Z'
const RUNNING = state({ status: 'InProgress', startTimeUtc: START })
const COMPLETED = state({ status: 'Completed', startTimeUtc: START, endTimeUtc: END })

/** A job that runs, and one that has completed, both started at {@link START}. */
async function twoJobs (boss: PgBoss, engine: Engine) {
  await boss.createQueue('calculateForecast')
  const [running, completed] = [await send(boss, someJob()), await send(boss, someJob())]
  await engine.sql("UPDATE SCHEMA.job SET state = 'active', started_on = $1::text::timestamptz", [START])
  await engine.sql("UPDATE SCHEMA.job SET state = 'completed', completed_on = $1::text::timestamptz WHERE id = $2",
    [END, completed.jobInstanceId])
  return { running, completed }
}

async function checkStates (t: Test, boss: PgBoss, engine: Engine): Promise<void> {
  const fabric = new Poller(pgBossJobState(boss))
  const { running, completed } = await twoJobs(boss, engine)
  t.strictSame(await fabric.poll(running), RUNNING)
  t.strictSame(await fabric.poll(completed), COMPLETED)
}

const [TIMESTAMPTZ, JSON_TYPE, JSONB, BIGINT] = [1184, 114, 3802, 20]
for (const [what, parser] of Object.entries<(text: string) => unknown>({
  text: (text) => text,
  'a number': (text) => Date.parse(text),
  'an object of the host': (text) => ({ text }),
  nothing: () => null
})) {
  t.test(`reports states and times in a host whose type parsers make ${what} of times and JSON`, { skip }, async (t) => {
    for (const type of [TIMESTAMPTZ, JSON_TYPE, JSONB, BIGINT]) {
      const before = pg.types.getTypeParser(type)
      pg.types.setTypeParser(type, parser)
      t.teardown(() => pg.types.setTypeParser(type, before))
    }
    const engine = new Engine(t)
    await checkStates(t, await engine.start(), engine)
  })
}

for (const settings of ['DateStyle=German', 'DateStyle=SQL,DMY', 'DateStyle=Postgres,MDY', 'TimeZone=Asia/Kolkata', 'TimeZone=America/St_Johns']) {
  t.test(`reports states and times in a database with ${settings}`, { skip }, async (t) => {
    const engine = new Engine(t)
    await checkStates(t, await engine.start({ options: `-c ${settings}` }), engine)
  })
}

t.test('omits a time that is infinite, and reports the state', { skip }, async (t) => {
  const engine = new Engine(t)
  const boss = await engine.start()
  const { running, completed } = await twoJobs(boss, engine)
  await engine.sql("UPDATE SCHEMA.job SET started_on = '-infinity', completed_on = 'infinity'")
  const fabric = new Poller(pgBossJobState(boss))
  t.strictSame(await fabric.poll(running), state({ status: 'InProgress' }))
  t.strictSame(await fabric.poll(completed), state({ status: 'Completed' }))
})

t.test('reports JobTimedOut for a handler that ran longer than expireInSeconds', { skip }, async (t) => {
  const boss = await new Engine(t).start({ __test__enableSpies: true })
  await boss.createQueue('calculateForecast', { expireInSeconds: 1, retryLimit: 0 })
  await boss.work('calculateForecast', ([job]) => new Promise((resolve) => job?.signal.addEventListener('abort', resolve)))
  const job = someJob()
  const hasFailed = boss.getSpy('calculateForecast').waitForJobWithId(job.jobInstanceId, 'failed')
  await send(boss, job)
  await hasFailed
  t.match(await new Poller(pgBossJobState(boss)).poll(job), state({
    status: 'Failed', errorDetails: { errorCode: 'JobTimedOut', message: /longer than it is allowed/, source: 'System' }
  }))
})

t.test('reports JobWorkerLost for a job whose server stopped while it ran', { skip }, async (t) => {
  const engine = new Engine(t)
  const [stopping, other] = [await engine.start(), await engine.start()]
  await stopping.createQueue('calculateForecast', { retryLimit: 0 })
  let begin = () => {}
  const hasBegun = new Promise<void>((resolve) => { begin = resolve })
  await stopping.work('calculateForecast', () => { begin(); return new Promise(() => {}) })
  const job = await send(stopping, someJob())
  await hasBegun
  await stopping.stop({ timeout: 1 })
  t.match(await new Poller(pgBossJobState(other)).poll(job), state({
    status: 'Failed', errorDetails: { errorCode: 'JobWorkerLost', message: /the worker that ran it stopped/, source: 'System' }
  }))
})

t.test('reports the message of a failed handler, also if it resembles a message of pg-boss', { skip }, async (t) => {
  const boss = await new Engine(t).start({ __test__enableSpies: true })
  await boss.createQueue('calculateForecast', { retryLimit: 0 })
  const message = 'The query failed: handler execution exceeded 5s'
  await boss.work('calculateForecast', async () => { throw new Error(message) })
  const job = someJob()
  const hasFailed = boss.getSpy('calculateForecast').waitForJobWithId(job.jobInstanceId, 'failed')
  await send(boss, job)
  await hasFailed
  t.match(await new Poller(pgBossJobState(boss)).poll(job), state({ status: 'Failed', errorDetails: { errorCode: 'JobFailed', message } }))
})

t.test('finds jobs of a queue that another server has deleted and created anew', { skip }, async (t) => {
  const engine = new Engine(t)
  const [boss, other] = [await engine.start(), await engine.start()]
  const fabric = new Poller(pgBossJobState(boss))
  for (const partition of [false, true, false]) {
    await other.createQueue('calculateForecast', { partition })
    const job = await send(other, someJob())
    t.strictSame(await fabric.poll(job), state({ status: 'NotStarted' }), JSON.stringify({ partition }))
    await other.deleteQueue('calculateForecast')
    t.strictSame(await fabric.poll(job), NOT_THERE)
  }
})

t.test('finds jobs of a type that is named like a member of Object.prototype', { skip }, async (t) => {
  const engine = new Engine(t)
  const [boss, other] = [await engine.start(), await engine.start()]
  const fabric = new Poller(pgBossJobState(boss))
  for (const jobType of ['constructor', 'toString', 'hasOwnProperty']) {
    const job = someJob({ jobType })
    t.strictSame(await fabric.poll(job), NOT_THERE, jobType)
    await other.createQueue(jobType)
    t.strictSame(await fabric.poll(await send(other, job)), state({ status: 'NotStarted' }), jobType)
  }
})
