import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

import type { PgBoss } from 'pg-boss'
import t, { type Test } from 'tap'

import { fabricWork, pgBossJobs, type FabricJobContext, type FabricWorkOptions } from '../../lib/engines/pg-boss.js'
import { WorkloadError } from '../../lib/index.js'
import { JobsHost } from './jobs-host.js'
import { Engine } from './pg-boss-engine.js'
import { someJob, state } from './polling.js'
import { DATABASE_URL, Proxy as Connection, skipWithout } from './services.js'

const skip = await skipWithout('PostgreSQL', DATABASE_URL)
const QUEUE = 'calculateForecast'
const FAST: FabricWorkOptions = { pollingIntervalSeconds: 0.5 }

const hostOf = (boss: PgBoss, options: object = {}) =>
  new JobsHost(pgBossJobs(boss, { jobTypes: [QUEUE], options: () => options }))

async function startWithSpies (t: Test): Promise<PgBoss> {
  return await new Engine(t).start({ __test__enableSpies: true })
}

/** Collects values, and waits for their number. */
class Collected<T> {
  readonly values: T[] = []
  readonly #waiting: Array<() => void> = []

  add (value: T): void {
    this.values.push(value)
    for (const look of this.#waiting) look()
  }

  async atLeast (count: number): Promise<T[]> {
    await new Promise<void>((resolve) => {
      const look = () => { if (this.values.length >= count) resolve() }
      this.#waiting.push(look)
      look()
    })
    return this.values
  }
}

/** Runs until it is aborted; returns the reason. */
async function untilAborted ({ signal }: FabricJobContext): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort')
  return signal.reason
}

t.test('gives one job at a time to the handler, with the ActivityId that created it, and stores what it returns', { skip }, async (t) => {
  const boss = await startWithSpies(t)
  const [job, other] = [someJob(), someJob()]
  const seen = new Collected<{ id: string, data: object, activityId: string | undefined }>()
  await fabricWork(boss, QUEUE, { ...FAST, localConcurrency: 2 }, ({ id, data }, { activityId }) => {
    seen.add({ id, data, activityId })
    return { points: 12 }
  })
  const activityId = randomUUID()
  const completed = [job, other].map(({ jobInstanceId }) => boss.getSpy(QUEUE).waitForJobWithId(jobInstanceId, 'completed'))
  await hostOf(boss).create(job, { activityId, body: { invokeType: 'Manual', creationPayload: { series: 'sales' } } })
  await boss.send(QUEUE, {}, { id: other.jobInstanceId })
  await Promise.all(completed)
  const byId = new Map(seen.values.map(({ id, ...rest }) => [id, rest]))
  t.strictSame(byId.get(job.jobInstanceId), { data: { series: 'sales' }, activityId })
  t.strictSame(byId.get(other.jobInstanceId), { data: {}, activityId: undefined }, 'a job of the host')
  t.match(await boss.findJobs(QUEUE), [{ output: { points: 12 } }, { output: { points: 12 } }])
})

t.test('does not try again a job that fails with a permanent WorkloadError', { skip }, async (t) => {
  const boss = await startWithSpies(t)
  await boss.createQueue('deadLetters')
  await boss.createQueue(QUEUE, { retryLimit: 3, deadLetter: 'deadLetters' })
  const details = { errorCode: 'SeriesTooShort', message: 'A forecast needs 12 points.', source: 'User', isPermanent: true } as const
  const attempts = new Collected<string>()
  await fabricWork(boss, QUEUE, FAST, ({ id }) => {
    attempts.add(id)
    throw new WorkloadError({ statusCode: 422, ...details })
  })
  const job = someJob()
  const hasFailed = boss.getSpy(QUEUE).waitForJobWithId(job.jobInstanceId, 'failed')
  await hostOf(boss).create(job)
  await hasFailed
  t.match(await hostOf(boss).state(job), state({ status: 'Failed', errorDetails: details }))
  t.equal(attempts.values.length, 1)
  t.match(await boss.findJobs('deadLetters'), [{ sourceId: job.jobInstanceId }], 'its copy is a dead letter')
})

for (const [what, thrown] of Object.entries({
  'an Error': new Error('The disk is full.'),
  'a WorkloadError that is not permanent': new WorkloadError({
    statusCode: 503, errorCode: 'WarehouseAway', message: 'The warehouse is away.', source: 'External', isPermanent: false
  }),
  'a text': 'The disk is full.',
  nothing: undefined
})) {
  t.test(`tries again a job that fails with ${what}`, { skip }, async (t) => {
    const boss = await startWithSpies(t)
    await boss.createQueue(QUEUE, { retryLimit: 1 })
    const attempts = new Collected<number>()
    await fabricWork(boss, QUEUE, FAST, ({ retryCount }) => {
      attempts.add(retryCount)
      if (retryCount === 0) throw thrown
    })
    const job = someJob()
    const hasCompleted = boss.getSpy(QUEUE).waitForJobWithId(job.jobInstanceId, 'completed')
    await hostOf(boss).create(job)
    await hasCompleted
    t.strictSame(attempts.values, [0, 1])
  })
}

t.test('stores the result and the failure of a handler that have characters that PostgreSQL cannot store', { skip }, async (t) => {
  const boss = await startWithSpies(t)
  await boss.createQueue(QUEUE, { retryLimit: 3 })
  const permanent = new WorkloadError({
    statusCode: 422, errorCode: 'SeriesTooShort', message: 'The series "a\0" is too short.', source: 'User', isPermanent: true
  })
  const attempts = new Collected<string>()
  const circular: Record<string, unknown> = { points: 12 }
  circular.itself = circular
  const outcomes: Record<string, () => unknown> = {
    result: () => ({ names: ['a\0', '\uD83D', '\uD83D\uDE00'], when: new Date(0) }),
    circular: () => circular,
    failure: () => { throw new Error('The file a\0 is missing.') },
    permanent: () => { throw permanent }
  }
  await fabricWork<{ outcome: string }>(boss, QUEUE, { ...FAST, localConcurrency: 4 }, ({ data: { outcome } }) => {
    attempts.add(outcome)
    return outcomes[outcome]?.()
  })
  const jobs = new Map(Object.keys(outcomes).map((outcome) => [outcome, someJob()]))
  const hasEnded = Array.from(jobs, ([outcome, { jobInstanceId }]) => boss.getSpy(QUEUE)
    .waitForJobWithId(jobInstanceId, outcome === 'failure' || outcome === 'permanent' ? 'failed' : 'completed'))
  for (const [outcome, job] of jobs) {
    const options = outcome === 'failure' ? { retryLimit: 0 } : {}
    await hostOf(boss, options).create(job, { body: { invokeType: 'Manual', creationPayload: { outcome } } })
  }
  await Promise.all(hasEnded)
  const stateOf = async (outcome: string) => await hostOf(boss).state(jobs.get(outcome) ?? someJob())
  t.match(await stateOf('result'), state({ status: 'Completed' }))
  t.match(await stateOf('circular'), state({ status: 'Completed' }))
  t.match(await stateOf('failure'), state({
    status: 'Failed', errorDetails: { errorCode: 'JobFailed', message: 'The file a\uFFFD is missing.' }
  }))
  t.match(await stateOf('permanent'), state({
    status: 'Failed', errorDetails: { errorCode: 'SeriesTooShort', message: 'The series "a\uFFFD" is too short.', isPermanent: true }
  }))
  t.strictSame([...attempts.values].sort(), Object.keys(outcomes).sort(), 'each runs once')
  const [result] = await boss.findJobs(QUEUE, { id: jobs.get('result')?.jobInstanceId ?? '' })
  t.strictSame(result?.output, { names: ['a\uFFFD', '\uFFFD', '\uD83D\uDE00'], when: '1970-01-01T00:00:00.000Z' })
})

t.test('aborts the signal of a job that was cancelled at another server, and its end changes nothing', { skip }, async (t) => {
  const engine = new Engine(t)
  const [here, other] = [await engine.start({ __test__enableSpies: true }), await engine.start()]
  const started = new Collected<string>()
  const aborted = new Collected<unknown>()
  await fabricWork(here, QUEUE, FAST, async ({ id }, context) => {
    started.add(id)
    aborted.add(await untilAborted(context))
    throw context.signal.reason
  })
  const job = someJob()
  await hostOf(other).create(job)
  await started.atLeast(1)
  const start = performance.now()
  t.match(await hostOf(other).cancel(job), state({ status: 'Cancelled' }))
  const [reason] = await aborted.atLeast(1)
  t.ok(performance.now() - start < 2_000, 'within about a second')
  t.match(reason, { message: "The job was cancelled, or is no longer this worker's." })
  // The worker settles a job before it takes the next one.
  await hostOf(other).create(someJob())
  await started.atLeast(2)
  t.match(await hostOf(other).state(job), state({ status: 'Cancelled' }))
})

t.test('stops the jobs that were cancelled at another server within two seconds, and no other', { skip }, async (t) => {
  const engine = new Engine(t)
  const [one, two] = [await engine.start(), await engine.start()]
  const started = new Collected<string>()
  const lastStep = new Map<string, number>()
  const over = new AbortController()
  for (const boss of [one, two]) {
    await fabricWork(boss, QUEUE, { ...FAST, localConcurrency: 10 }, async ({ id }, { signal }) => {
      started.add(id)
      while (!signal.aborted && !over.signal.aborted) {
        lastStep.set(id, performance.now())
        await setTimeout(20)
      }
    })
  }
  const jobs = Array.from({ length: 20 }, () => someJob())
  await Promise.all(jobs.map((job) => hostOf(one).create(job)))
  await started.atLeast(20)
  const cancelled = jobs.slice(0, 10)
  await Promise.all(cancelled.map((job, i) => hostOf(i % 2 === 0 ? one : two).cancel(job)))
  const cancelledAt = performance.now()
  await setTimeout(2_500)
  for (const { jobInstanceId } of cancelled) t.ok((lastStep.get(jobInstanceId) ?? 0) - cancelledAt < 2_000, 'a cancelled job')
  const ran = jobs.slice(10).map(({ jobInstanceId }) => (lastStep.get(jobInstanceId) ?? 0) - cancelledAt)
  t.ok(ran.every((milliseconds) => milliseconds > 2_000), 'all others still work')
  over.abort()
})

t.test('does not run a job that was cancelled after the worker took it', { skip }, async (t) => {
  const boss = await startWithSpies(t)
  const [job, next] = [someJob(), someJob()]
  const started = new Collected<string>()
  const cancelling = new Proxy(boss, {
    get: (boss, name) => {
      const method: unknown = Reflect.get(boss, name)
      if (typeof method !== 'function') return method
      if (name !== 'work') return method.bind(boss)
      return (queue: string, options: object, run: (jobs: object[]) => unknown) => boss.work(queue, options, async (jobs) => {
        await hostOf(boss).cancel(job)
        return run(jobs)
      })
    }
  })
  await fabricWork(cancelling, QUEUE, FAST, ({ id }) => { started.add(id) })
  await hostOf(boss).create(job)
  await hostOf(boss).create(next)
  await started.atLeast(1)
  t.strictSame(started.values, [next.jobInstanceId])
  t.match(await hostOf(boss).state(job), state({ status: 'Cancelled' }))
})

t.test('aborts the signal of a job that runs longer than expireInSeconds', { skip }, async (t) => {
  const boss = await startWithSpies(t)
  const aborted = new Collected<unknown>()
  await fabricWork(boss, QUEUE, FAST, async (_job, context) => { aborted.add(await untilAborted(context)) })
  const job = someJob()
  const hasFailed = boss.getSpy(QUEUE).waitForJobWithId(job.jobInstanceId, 'failed')
  await hostOf(boss, { expireInSeconds: 1, retryLimit: 0 }).create(job)
  await aborted.atLeast(1)
  await hasFailed
  t.match(await hostOf(boss).state(job), state({ status: 'Failed', errorDetails: { errorCode: 'JobTimedOut' } }))
})

t.test('a job continues while PostgreSQL is down, and its cancellation is noticed afterwards', { skip }, async (t) => {
  const connection = new Connection(DATABASE_URL)
  await connection.start()
  t.teardown(() => connection.stop())
  const engine = new Engine(t)
  const [here, other] = [await engine.start({ connectionString: connection.url }), await engine.start()]
  const started = new Collected<FabricJobContext>()
  const aborted = new Collected<unknown>()
  await fabricWork(here, QUEUE, { ...FAST, localConcurrency: 2 }, async (_job, context) => {
    started.add(context)
    aborted.add(await untilAborted(context))
  })
  const job = someJob()
  await hostOf(other).create(job)
  const [context] = await started.atLeast(1)
  await connection.stop()
  await hostOf(other).cancel(job)
  // The idle worker reports one error each half second.
  for (let i = 0; i < 4; i++) await once(here, 'error')
  t.equal(context?.signal.aborted, false)
  await connection.start()
  await aborted.atLeast(1)
})
