import { readFileSync } from 'node:fs'

import { PGlite } from '@electric-sql/pglite'
import Fastify from 'fastify'
import { fromPglite, states, TestClock, type ConstructorOptions, type PgBoss } from 'pg-boss'
import t, { type Test } from 'tap'

import { pgBossJobState, withOwner } from '../../lib/engines/pg-boss.js'
import { fabricJobState, WorkloadError, type JobInstance } from '../../lib/index.js'
import { Engine, send, startBoss } from './pg-boss-engine.js'
import { CALLER, ENGINE_DOWN, checkOwner, NOT_THERE, Poller, someJob, state, type Answer } from './polling.js'
import { DATABASE_URL, Proxy, skipWithout } from './services.js'

const skip = await skipWithout('PostgreSQL', DATABASE_URL)

// PGlite takes its seconds to start where the machine is busy.
t.setTimeout(120_000)

const START = '2030-01-01T00:00:00.000Z'
const MINUTE = 60_000
/** The time so many minutes after the start. */
const at = (minutes: number) => new Date(Date.parse(START) + minutes * MINUTE).toISOString()

/** Takes jobs through every state of pg-boss, and records the response to Fabric at each step. */
async function story (t: Test, options: ConstructorOptions): Promise<Record<string, Answer>> {
  const clock = new TestClock(START)
  const boss = await startBoss(t, { ...options, clock, __test__enableSpies: true })
  const fabric = new Poller(pgBossJobState(boss))
  const reports: Record<string, Answer> = {}
  const report = async (what: string, job: JobInstance) => { reports[what] = await fabric.poll(job) }
  const take = (job: JobInstance) => boss.fetch(job.jobType, { ignoreStartAfter: true })
  const pass = (minutes: number) => clock.setTime(clock.now() + minutes * MINUTE)
  const ofType = (jobType: string) => someJob({ jobType })

  await report('no such queue', someJob())
  await boss.createQueue('calculateForecast', { retryLimit: 1 })
  await report('never sent', someJob())

  const plain = await send(boss, someJob())
  await report('created', plain)
  await pass(1)
  await take(plain)
  await report('active', plain)
  await pass(1)
  await boss.complete(plain.jobType, plain.jobInstanceId, { points: 12 })
  await report('completed', plain)

  await boss.createQueue('putOff')
  await report('deferred', await send(boss, ofType('putOff'), { startAfter: 3600 }))

  await boss.createQueue('inAFlow')
  const [parent, child] = [ofType('inAFlow'), ofType('inAFlow')]
  const inFlow = (job: JobInstance) => {
    const { id, data } = withOwner(job, CALLER, {})
    return { name: job.jobType, data, options: { id } }
  }
  await boss.flow([{ ref: 'parent', ...inFlow(parent) }, { ref: 'child', ...inFlow(child), dependsOn: ['parent'] }])
  await report('blocked', child)

  await boss.createQueue('triedAgain', { retryLimit: 1, retryDelay: 60 })
  const retried = await send(boss, ofType('triedAgain'))
  await take(retried)
  await pass(1)
  await boss.fail(retried.jobType, retried.jobInstanceId, new Error('once'))
  await report('retry', retried)
  await pass(2)
  await take(retried)
  await report('active again', retried)
  await boss.fail(retried.jobType, retried.jobInstanceId, new Error('twice'))
  await report('failed', retried)
  await boss.retry(retried.jobType, retried.jobInstanceId)
  await report('retried by hand', retried)

  await boss.createQueue('byHand', { retryLimit: 1 })
  const failedByHand = await send(boss, ofType('byHand'))
  await boss.fail(failedByHand.jobType, failedByHand.jobInstanceId)
  await report('retry, never started', failedByHand)
  const completedByHand = await send(boss, ofType('byHand'))
  await boss.complete(completedByHand.jobType, completedByHand.jobInstanceId, null, { includeQueued: true })
  await report('completed before it started', completedByHand)

  await boss.createQueue('cancelled')
  const cancelled = await send(boss, ofType('cancelled'))
  await boss.cancel(cancelled.jobType, cancelled.jobInstanceId)
  await report('cancelled before it started', cancelled)
  await boss.resume(cancelled.jobType, cancelled.jobInstanceId)
  await report('resumed before it started', cancelled)
  await take(cancelled)
  await pass(1)
  await boss.cancel(cancelled.jobType, cancelled.jobInstanceId)
  await report('cancelled', cancelled)
  await boss.resume(cancelled.jobType, cancelled.jobInstanceId)
  await report('resumed', cancelled)

  await boss.createQueue('tooLong', { expireInSeconds: 60, retryLimit: 1 })
  const expired = await send(boss, ofType('tooLong'))
  for (const what of ['expired, to be tried again', 'expired']) {
    await take(expired)
    await pass(2)
    await boss.supervise('tooLong')
    await report(what, expired)
  }

  await boss.createQueue('dies', { heartbeatSeconds: 30, retryLimit: 0 })
  const orphan = await send(boss, ofType('dies'))
  await take(orphan)
  await pass(1)
  await report('its worker died', orphan)
  await boss.supervise('dies')
  await report('its worker died, and pg-boss has noticed', orphan)

  await boss.createQueue('deadLetters')
  await boss.createQueue('feedsDeadLetters', { deadLetter: 'deadLetters', retryLimit: 0 })
  const dead = await send(boss, ofType('feedsDeadLetters'))
  await take(dead)
  await boss.fail(dead.jobType, dead.jobInstanceId, new Error('for ever'))
  await report('dead-lettered', dead)
  const [copy] = await boss.fetch('deadLetters')
  await report('the copy among the dead letters', { ...dead, jobInstanceId: String(copy?.id) })
  await report('the copy, by its queue', { ...dead, jobType: 'deadLetters', jobInstanceId: String(copy?.id) })

  await boss.createQueue('ownTable', { partition: true })
  const partitioned = await send(boss, ofType('ownTable'))
  await report('created in a separate table', partitioned)
  await boss.deleteJob(partitioned.jobType, partitioned.jobInstanceId)
  await report('deleted', partitioned)

  await boss.createQueue('throws', { retryLimit: 0 })
  await boss.work('throws', async ([job]) => { throw THROWN[String(Reflect.get(job?.data ?? {}, 'what'))] })
  for (const what of Object.keys(THROWN)) {
    const job = ofType('throws')
    const { id, data } = withOwner(job, CALLER, { what })
    const hasFailed = boss.getSpy('throws').waitForJobWithId(id, 'failed')
    await boss.send('throws', data, { id })
    await pass(1)
    await clock.tick(0)
    await hasFailed
    await report(`threw ${what}`, job)
  }
  await boss.offWork('throws')

  await pass(8 * 24 * 60)
  await boss.supervise(plain.jobType)
  await report('removed by retention', plain)
  return reports
}

const THROWN: Record<string, unknown> = {
  'a WorkloadError': new WorkloadError({
    statusCode: 422,
    errorCode: 'SeriesTooShort',
    message: 'The series "sales" has 3 points; a forecast needs 12.',
    messageParameters: ['sales', '3', '12'],
    source: 'User',
    isPermanent: true,
    moreDetails: [{ errorCode: 'Points', message: '3 < 12', additionalParameters: [{ name: 'points', value: '3' }] }],
    cause: new Error('SELECT … FROM sales')
  }),
  'an Error': new Error('The disk is full.'),
  'a text': 'The disk is full.',
  nothing: undefined,
  'a WorkloadError with a message of pg-boss': new WorkloadError({
    statusCode: 504, errorCode: 'WarehouseTooSlow', message: 'job timed out', source: 'External'
  })
}

const NOT_STARTED = state({ status: 'NotStarted' })
const inProgress = (start: number) => state({ status: 'InProgress', startTimeUtc: at(start) })
const failed = (start: number, end: number, errorDetails: object) =>
  state({ status: 'Failed', startTimeUtc: at(start), endTimeUtc: at(end), errorDetails })
const jobFailed = (message: string) => ({ errorCode: 'JobFailed', message, source: 'System' })

const REPORTED: Record<string, Answer> = {
  'no such queue': NOT_THERE,
  'never sent': NOT_THERE,
  created: NOT_STARTED,
  active: inProgress(1),
  completed: state({ status: 'Completed', startTimeUtc: at(1), endTimeUtc: at(2) }),
  deferred: NOT_STARTED,
  blocked: NOT_STARTED,
  retry: inProgress(2),
  'active again': inProgress(5),
  failed: failed(5, 5, jobFailed('twice')),
  'retried by hand': inProgress(5),
  'retry, never started': NOT_STARTED,
  'completed before it started': state({ status: 'Completed', endTimeUtc: at(5) }),
  'cancelled before it started': state({ status: 'Cancelled', endTimeUtc: at(5) }),
  'resumed before it started': NOT_STARTED,
  cancelled: state({ status: 'Cancelled', startTimeUtc: at(5), endTimeUtc: at(6) }),
  resumed: inProgress(5),
  'expired, to be tried again': inProgress(6),
  expired: failed(8, 10, {
    errorCode: 'JobTimedOut',
    message: 'The job took longer than it is allowed to and was given up.',
    source: 'System'
  }),
  'its worker died': inProgress(10),
  'its worker died, and pg-boss has noticed': failed(10, 11, {
    errorCode: 'JobWorkerLost',
    message: 'The job was lost: the worker that ran it stopped.',
    source: 'System',
    isPermanent: false
  }),
  'dead-lettered': failed(11, 11, jobFailed('for ever')),
  'the copy among the dead letters': NOT_THERE,
  'the copy, by its queue': NOT_THERE,
  'created in a separate table': NOT_STARTED,
  deleted: NOT_THERE,
  'threw a WorkloadError': failed(12, 12, {
    errorCode: 'SeriesTooShort',
    message: 'The series "sales" has 3 points; a forecast needs 12.',
    messageParameters: ['sales', '3', '12'],
    source: 'User',
    isPermanent: true,
    moreDetails: [{ errorCode: 'Points', message: '3 < 12', additionalParameters: [{ name: 'points', value: '3' }] }]
  }),
  'threw an Error': failed(13, 13, jobFailed('The disk is full.')),
  'threw a text': failed(14, 14, jobFailed('The disk is full.')),
  'threw nothing': failed(15, 15, jobFailed('The job failed without a message.')),
  'threw a WorkloadError with a message of pg-boss': failed(16, 16, {
    errorCode: 'WarehouseTooSlow', message: 'job timed out', source: 'External'
  }),
  'removed by retention': NOT_THERE
}

for (const [where, options, reason] of [
  ['PostgreSQL', () => ({ connectionString: DATABASE_URL }), skip],
  ['embedded PGlite', () => ({ db: fromPglite(new PGlite()), backend: 'pglite' as const }), false]
] as const) {
  t.test(`on ${where} each state of a pg-boss job is reported to Fabric as in the table`, { skip: reason }, async (t) => {
    t.strictSame(await story(t, options()), REPORTED)
  })
}

t.test('the table of states has every state that the installed pg-boss knows', async (t) => {
  const source = readFileSync(new URL('../../lib/engines/pg-boss.ts', import.meta.url), 'utf8')
  for (const each of Object.values(states)) t.match(source, `\n * | \`${each}\``, each)
})

t.test('answers 500 for a state that the table lacks', { skip }, async (t) => {
  const engine = new Engine(t)
  const boss = await engine.start()
  await boss.createQueue('calculateForecast')
  const job = await send(boss, someJob())
  // As a pg-boss of the future might.
  await engine.sql("ALTER TYPE SCHEMA.job_state ADD VALUE 'suspended'")
  await engine.sql("UPDATE SCHEMA.job SET state = 'suspended'")
  const { statusCode, body } = await new Poller(pgBossJobState(boss)).poll(job)
  t.equal(statusCode, 500)
  t.match(body, { errorCode: 'InternalError', source: 'System' })
})

t.test('a job is found only for its tenant, workspace, item type, item and job type', { skip }, async (t) => {
  const boss = await startBoss(t, { connectionString: DATABASE_URL })
  const fabric = new Poller(pgBossJobState(boss, { queue: () => 'forecasts' }))
  await boss.createQueue('forecasts')
  const job = someJob()
  const { id, data } = withOwner(job, CALLER, {})
  await boss.send('forecasts', data, { id })
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'its owner')

  await checkOwner(t, fabric, job)

  const bare = someJob()
  await boss.send('forecasts', { seconds: 1 }, { id: bare.jobInstanceId })
  t.strictSame(await fabric.poll(bare), NOT_THERE, 'without an owner')

  const anonymous = someJob()
  await boss.send('forecasts', withOwner(anonymous, undefined, {}).data, { id: anonymous.jobInstanceId })
  t.strictSame(await fabric.poll(anonymous), NOT_THERE, 'started without authentication')
})

t.test('with authentication: false no tenant is compared, but workspace, item and job type are', { skip }, async (t) => {
  const boss = await startBoss(t, { connectionString: DATABASE_URL })
  const app = Fastify()
  await app.register(fabricJobState, { resolveJobState: pgBossJobState(boss), authentication: false })
  const job = someJob()
  await boss.createQueue(job.jobType)
  await send(boss, job)
  const path = (itemId: string) =>
    `/workspaces/${job.workspaceId}/items/${job.itemType}/${itemId}/jobTypes/${job.jobType}/instances/${job.jobInstanceId}`
  t.equal((await app.inject(path(job.itemId))).statusCode, 200)
  t.equal((await app.inject(path(job.workspaceId))).statusCode, 404)
})

t.test('the same job instance sent twice is one job', { skip }, async (t) => {
  const boss = await startBoss(t, { connectionString: DATABASE_URL })
  const job = someJob()
  await boss.createQueue(job.jobType)
  await send(boss, job)
  await send(boss, { ...job, jobInstanceId: job.jobInstanceId.toUpperCase() })
  t.equal((await boss.fetch(job.jobType, { batchSize: 2 })).length, 1)
})

t.test('a job type that pg-boss cannot use as the name of a queue is 404', { skip }, async (t) => {
  const boss = await startBoss(t, { connectionString: DATABASE_URL })
  const fabric = new Poller(pgBossJobState(boss))
  for (const jobType of ['Contoso.Forecast.calculate', 'a_b-c/d', 'calculate forecast', 'prévision', 'a:b', 'a\0', 'constructor', '__proto__']) {
    const isName = await boss.createQueue(jobType).then(() => true, () => false)
    const job = someJob({ jobType })
    if (isName) await send(boss, job)
    t.strictSame(await fabric.poll(job), isName ? NOT_STARTED : NOT_THERE, JSON.stringify(jobType))
  }
})

t.test('a poll is one query, a look-up in the primary key', { skip }, async (t) => {
  const boss = await startBoss(t, { connectionString: DATABASE_URL })
  const fabric = new Poller(pgBossJobState(boss))
  await boss.createQueue('calculateForecast')
  await boss.createQueue('ownTable', { partition: true })
  for (const jobType of ['calculateForecast', 'ownTable']) {
    await boss.insert(jobType, Array.from({ length: 1_000 }, () => withOwner(someJob({ jobType }), CALLER, {})))
    const job = await send(boss, someJob({ jobType }))
    const queries = watch(boss)
    t.strictSame(await fabric.poll(job), NOT_STARTED)
    t.equal(queries.length, 1, 'one query')
    const [{ text, values } = { text: '', values: [] }] = queries

    const { rows: [row] } = await boss.getDb().executeSql(`EXPLAIN (FORMAT JSON) ${text}`, values)
    const scans = nodes(row['QUERY PLAN'][0].Plan).filter((node) => node['Relation Name'] !== undefined)
    t.equal(scans.length, 1, 'one table')
    t.equal(scans[0]?.['Node Type'], 'Index Scan')
    t.match(scans[0]?.['Index Name'], /_pkey$/)
    t.match(scans[0]?.['Index Cond'], /name = .* AND \(id = /)
  }
})

/** Records the queries from now on. */
function watch (boss: PgBoss): Array<{ text: string, values: unknown[] | undefined }> {
  const queries: Array<{ text: string, values: unknown[] | undefined }> = []
  const db = boss.getDb()
  const executeSql = db.executeSql.bind(db)
  db.executeSql = (text, values) => {
    queries.push({ text, values })
    return executeSql(text, values)
  }
  return queries
}

interface PlanNode extends Record<string, unknown> { Plans?: PlanNode[] }
const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)]

t.test('answers 503 while PostgreSQL is down, and the state as soon as it is back', { skip }, async (t) => {
  const proxy = new Proxy(DATABASE_URL)
  await proxy.start()
  const boss = await startBoss(t, { connectionString: proxy.url })
  const fabric = new Poller(pgBossJobState(boss))
  const impatient = new Poller(pgBossJobState(boss, { timeout: 100 }))
  await boss.createQueue('calculateForecast')
  const job = await send(boss, someJob())
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'before')

  await proxy.stop()
  t.strictSame(await fabric.poll(job), ENGINE_DOWN, 'the connection is refused')
  t.strictSame(await fabric.poll(someJob()), ENGINE_DOWN, 'also for a job that does not exist')
  await proxy.start()
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'back')

  proxy.silence()
  t.strictSame(await impatient.poll(job), ENGINE_DOWN, 'the connection is dumb')
  await proxy.stop()
  await proxy.start()
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'back again')

  await boss.stop({ graceful: false })
  t.strictSame(await fabric.poll(job), ENGINE_DOWN, 'the boss has stopped')
  await boss.start()
  await proxy.stop()
})
