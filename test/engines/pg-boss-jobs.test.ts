import { randomUUID } from 'node:crypto'

import type { Db, PgBoss, QueueOptions, QueuePolicy } from 'pg-boss'
import t, { type Test } from 'tap'

import { fabricWork, pgBossJobs, pgBossJobState, type PgBossJobsOptions } from '../../lib/engines/pg-boss.js'
import { WorkloadError, type JobInstance } from '../../lib/index.js'
import { JobsHost } from './jobs-host.js'
import { Engine, send } from './pg-boss-engine.js'
import { NOT_THERE, someJob, state, type Answer } from './polling.js'
import { DATABASE_URL, Proxy, skipWithout } from './services.js'

const skip = await skipWithout('PostgreSQL', DATABASE_URL)
const QUEUE = 'calculateForecast'
const HOUR = 3_600

const ACCEPTED = { statusCode: 202, body: undefined }
const NOT_STARTED = state({ status: 'NotStarted' })
const COMPLETED = state({ status: 'Completed', startTimeUtc: 'time', endTimeUtc: 'time' })
const FAILED = state({
  status: 'Failed',
  startTimeUtc: 'time',
  endTimeUtc: 'time',
  errorDetails: { errorCode: 'JobFailed', message: 'The disk is full.', source: 'System' }
})
const CANCELLED = state({ status: 'Cancelled', endTimeUtc: 'time' })
const CANCELLED_AFTER_START = state({ status: 'Cancelled', startTimeUtc: 'time', endTimeUtc: 'time' })
const error = (statusCode: number, errorCode: string, source: string, isPermanent: boolean) =>
  ({ statusCode, body: { errorCode, source, isPermanent } })
const NOT_ACCEPTED = error(409, 'JobNotAccepted', 'System', false)
const UNKNOWN_TYPE = error(400, 'UnknownJobType', 'User', true)
const INVALID_REQUEST = error(400, 'InvalidRequest', 'User', true)
const ENGINE_DOWN = error(503, 'EngineUnavailable', 'System', false)
const INTERNAL_ERROR = error(500, 'InternalError', 'System', false)
const NOT_FOUND = error(404, 'JobInstanceNotFound', 'System', true)

type JobOptions = NonNullable<ReturnType<NonNullable<PgBossJobsOptions['options']>>>

/** Fabric, and the engine with one job type; `job` is the job that a line of a table is about. */
class Scenario {
  readonly engine: Engine
  readonly job = someJob()
  readonly other = someJob()
  readonly boss: PgBoss

  constructor (t: Test) {
    this.engine = new Engine(t)
    this.boss = this.engine.boss()
  }

  host (options: JobOptions = {}): JobsHost {
    return new JobsHost(pgBossJobs(this.boss, { jobTypes: [QUEUE], options: () => options }))
  }

  create (job: Partial<JobInstance> = {}, options?: JobOptions, tenantId?: string): Promise<Answer> {
    return this.host(options).create({ ...this.job, ...job }, tenantId === undefined ? {} : { tenantId })
  }

  cancel (job: Partial<JobInstance> = {}, tenantId?: string): Promise<Answer> {
    return this.host().cancel({ ...this.job, ...job }, tenantId === undefined ? {} : { tenantId })
  }

  state (): Promise<Answer> {
    return this.host().state(this.job)
  }

  /** Takes the job as a worker does. */
  async take (): Promise<void> {
    await this.boss.fetch(QUEUE)
  }

  async complete (): Promise<void> {
    await this.take()
    await this.boss.complete(QUEUE, this.job.jobInstanceId)
  }

  async fail (): Promise<void> {
    await this.take()
    await this.boss.fail(QUEUE, this.job.jobInstanceId, new Error('The disk is full.'))
  }

  /** The jobs that the engine has stored, by their state. */
  async stored (): Promise<Record<string, string[]>> {
    const names = new Map([[this.job.jobInstanceId, 'job'], [this.other.jobInstanceId, 'other']])
    const stored: Record<string, string[]> = {}
    for (const { id, state } of await this.engine.sql('SELECT id, state FROM SCHEMA.job ORDER BY created_on')) {
      stored[String(state)] = [...stored[String(state)] ?? [], names.get(String(id)) ?? String(id)]
    }
    return stored
  }
}

/** Each line: the calls, their responses, and the jobs that the engine has stored afterwards. */
type Table = Record<string, [act: (it: Scenario) => Promise<Answer[]>, answers: object[], stored: Record<string, string[]>]>

async function check (t: Test, table: Table, queue?: QueueOptions & { policy?: QueuePolicy }): Promise<void> {
  for (const [name, [act, answers, stored]] of Object.entries(table)) {
    await t.test(name, async (t) => {
      const scenario = new Scenario(t)
      await scenario.boss.start()
      if (queue !== undefined) await scenario.boss.createQueue(QUEUE, queue)
      t.strictSame((await act(scenario)).map(readable), answers)
      t.strictSame(await scenario.stored(), stored)
    })
  }
}

/** An answer without its times and without the message of an error. */
function readable ({ statusCode, body }: Answer): object {
  if (body === undefined) return { statusCode, body }
  const { message: _message, messageParameters: _parameters, ...rest }: Record<string, unknown> = Object(body)
  const properties = Object.entries(rest).map(([name, value]) => [name, name.endsWith('TimeUtc') ? 'time' : value])
  return { statusCode, body: Object.fromEntries(properties) }
}

const upperCase = ({ jobInstanceId, workspaceId, itemId }: JobInstance) =>
  ({ jobInstanceId: jobInstanceId.toUpperCase(), workspaceId: workspaceId.toUpperCase(), itemId: itemId.toUpperCase() })

t.test('creates a job once, for one owner', { skip }, (t) => check(t, {
  'answers 202 when a job is created, and creates the queue that is missing': [
    async (it) => [await it.create()], [ACCEPTED], { created: ['job'] }],
  'answers 202 when a job is created twice': [
    async (it) => [await it.create(), await it.create()], [ACCEPTED, ACCEPTED], { created: ['job'] }],
  'answers 202 when a job is created three times at once': [
    (it) => Promise.all([it.create(), it.create(), it.create()]), [ACCEPTED, ACCEPTED, ACCEPTED], { created: ['job'] }],
  'stores the id of a job in lower case': [
    async (it) => [await it.create(upperCase(it.job)), await it.create()], [ACCEPTED, ACCEPTED], { created: ['job'] }],
  'answers 202 when a job that has ended is created again': [
    async (it) => [await it.create(), (await it.complete(), await it.create())], [ACCEPTED, ACCEPTED], { completed: ['job'] }],
  'answers 202 when a job is created again after it was cancelled': [
    async (it) => [await it.create(), await it.cancel(), await it.create(), await it.state()],
    [ACCEPTED, CANCELLED, ACCEPTED, CANCELLED], { cancelled: ['job'] }],
  'answers 409 when the job belongs to another tenant': [
    async (it) => [await it.create(), await it.create({}, {}, randomUUID())], [ACCEPTED, NOT_ACCEPTED], { created: ['job'] }],
  'answers 409 when the job belongs to another item': [
    async (it) => [await it.create(), await it.create({ itemId: randomUUID() })], [ACCEPTED, NOT_ACCEPTED], { created: ['job'] }],
  'answers 202 to one of two owners who create the same id at once': [
    async (it) => {
      const answers = await Promise.all([it.create(), it.create({}, {}, randomUUID())])
      return answers.sort((a, b) => a.statusCode - b.statusCode)
    }, [ACCEPTED, NOT_ACCEPTED], { created: ['job'] }],
  'answers 409 when the id belongs to a job of the host': [
    async (it) => {
      await it.boss.createQueue(QUEUE)
      await it.boss.send(QUEUE, {}, { id: it.job.jobInstanceId })
      return [await it.create(), await it.state()]
    }, [NOT_ACCEPTED, NOT_FOUND], { created: ['job'] }],
  'answers 400 when the job type is not served': [
    async (it) => [await it.create({ jobType: 'refresh' })], [UNKNOWN_TYPE], {}],
  'answers 400 when the job type is the name of an Object.prototype member': [
    async (it) => [await it.create({ jobType: 'constructor' }), await it.create({ jobType: '__proto__' })],
    [UNKNOWN_TYPE, UNKNOWN_TYPE], {}],
  'answers 202 when another server has deleted the queue': [
    async (it) => {
      const other = await it.engine.start()
      await it.boss.createQueue(QUEUE)
      await other.deleteQueue(QUEUE)
      return [await it.create()]
    }, [ACCEPTED], { created: ['job'] }],
  'answers 202 when another server has created the queue anew, with a separate table': [
    async (it) => {
      const other = await it.engine.start()
      await it.boss.createQueue(QUEUE)
      await other.deleteQueue(QUEUE)
      await other.createQueue(QUEUE, { partition: true })
      return [await it.create(), await it.state()]
    }, [ACCEPTED, NOT_STARTED], { created: ['job'] }],
  'answers 409 when the job is throttled with singletonSeconds': [
    async (it) => [await it.create(it.other, { singletonSeconds: HOUR }), await it.create({}, { singletonSeconds: HOUR })],
    [ACCEPTED, NOT_ACCEPTED], { created: ['other'] }],
  'answers 202 when a throttled job is created twice': [
    async (it) => [await it.create({}, { singletonSeconds: HOUR }), await it.create({}, { singletonSeconds: HOUR })],
    [ACCEPTED, ACCEPTED], { created: ['job'] }],
  'answers 202 when the job is put off with singletonNextSlot': [
    async (it) => {
      const options = { singletonSeconds: HOUR, singletonNextSlot: true }
      return [await it.create(it.other, options), await it.create({}, options), await it.state()]
    }, [ACCEPTED, ACCEPTED, NOT_STARTED], { created: ['other', 'job'] }],
  'answers 400 when the item type has a character that PostgreSQL cannot store': [
    async (it) => [await it.create({ itemType: 'Forecast\0' })], [INVALID_REQUEST], {}]
}))

for (const [policy, second] of [['short', 'created'], ['stately', 'created'], ['exclusive', 'active']] as const) {
  t.test(`answers 409 when the policy ${policy} of the queue refuses the job`, { skip }, (t) => check(t, {
    'because another job waits': [
      async (it) => [await it.create(it.other), await it.create(), await it.create(it.other)],
      [ACCEPTED, NOT_ACCEPTED, ACCEPTED], { created: ['other'] }],
    'while another job runs, if the policy says so': [
      async (it) => [await it.create(it.other), (await it.take(), await it.create())],
      [ACCEPTED, second === 'active' ? NOT_ACCEPTED : ACCEPTED],
      second === 'active' ? { active: ['other'] } : { active: ['other'], created: ['job'] }],
    'and 202 when the singletonKey differs': [
      async (it) => [await it.create(it.other, { singletonKey: 'a' }), await it.create({}, { singletonKey: 'b' })],
      [ACCEPTED, ACCEPTED], { created: ['other', 'job'] }],
    'and 202 again after the other job was cancelled': [
      async (it) => [await it.create(it.other), await it.cancel(it.other), await it.create()],
      [ACCEPTED, CANCELLED, ACCEPTED], { cancelled: ['other'], created: ['job'] }]
  }, { policy }))
}

t.test('cancels the job of its owner, and answers with its state', { skip }, (t) => check(t, {
  'answers Cancelled when the job waits': [
    async (it) => [await it.create(), await it.cancel(), await it.state()],
    [ACCEPTED, CANCELLED, CANCELLED], { cancelled: ['job'] }],
  'answers Cancelled when the job is delayed': [
    async (it) => [await it.create({}, { startAfter: HOUR }), await it.cancel()], [ACCEPTED, CANCELLED], { cancelled: ['job'] }],
  'answers Cancelled with the start when the job runs': [
    async (it) => [await it.create(), (await it.take(), await it.cancel())],
    [ACCEPTED, CANCELLED_AFTER_START], { cancelled: ['job'] }],
  'answers Cancelled with the start when the job is between two attempts': [
    async (it) => [await it.create({}, { retryLimit: 1 }), (await it.fail(), await it.cancel())],
    [ACCEPTED, CANCELLED_AFTER_START], { cancelled: ['job'] }],
  'answers Completed when the job has completed': [
    async (it) => [await it.create(), (await it.complete(), await it.cancel())], [ACCEPTED, COMPLETED], { completed: ['job'] }],
  'answers Failed when the job has failed': [
    async (it) => [await it.create({}, { retryLimit: 0 }), (await it.fail(), await it.cancel())],
    [ACCEPTED, FAILED], { failed: ['job'] }],
  'answers the same when it is cancelled twice': [
    async (it) => [await it.create(), await it.cancel(), await it.cancel()], [ACCEPTED, CANCELLED, CANCELLED], { cancelled: ['job'] }],
  'does not let a worker complete a job that was cancelled': [
    async (it) => [await it.create(), (await it.take(), await it.cancel()),
      (await it.boss.complete(QUEUE, it.job.jobInstanceId), await it.state())],
    [ACCEPTED, CANCELLED_AFTER_START, CANCELLED_AFTER_START], { cancelled: ['job'] }],
  'takes ids in upper case': [
    async (it) => [await it.create(), await it.cancel(upperCase(it.job)), await it.state()],
    [ACCEPTED, CANCELLED, CANCELLED], { cancelled: ['job'] }],
  'answers 404 when there is no such job': [async (it) => [await it.cancel()], [NOT_FOUND], {}],
  'answers 404 when the job belongs to another tenant': [
    async (it) => [await it.create(), await it.cancel({}, randomUUID()), await it.state()],
    [ACCEPTED, NOT_FOUND, NOT_STARTED], { created: ['job'] }],
  'answers 404 when the job belongs to another item': [
    async (it) => [await it.create(), await it.cancel({ itemId: randomUUID() }), await it.state()],
    [ACCEPTED, NOT_FOUND, NOT_STARTED], { created: ['job'] }],
  'answers 404 when the job type differs': [
    async (it) => [await it.create(), await it.cancel({ jobType: 'constructor' }), await it.cancel({ jobType: 'a b' }), await it.state()],
    [ACCEPTED, NOT_FOUND, NOT_FOUND, NOT_STARTED], { created: ['job'] }],
  'answers 404 when the job is one of the host': [
    async (it) => {
      await it.boss.createQueue(QUEUE)
      await it.boss.send(QUEUE, { fabricJob: 1 }, { id: it.job.jobInstanceId })
      return [await it.cancel()]
    }, [NOT_FOUND], { created: ['job'] }],
  'cancels a job that release 0.1.0 stored, with its owner in the data': [
    async (it) => {
      await it.boss.createQueue(QUEUE)
      await send(it.boss, it.job)
      return [await it.cancel({}, randomUUID()), await it.cancel()]
    }, [NOT_FOUND, CANCELLED], { cancelled: ['job'] }]
}))

t.test('keeps the owner of a job', { skip }, (t) => check(t, {
  'when boss.update replaces its data': [
    async (it) => {
      const created = await it.create()
      await it.boss.update(QUEUE, { step: 2 }, { id: it.job.jobInstanceId })
      return [created, await it.state(), await it.create(), await it.cancel({}, randomUUID()), await it.cancel()]
    }, [ACCEPTED, NOT_STARTED, ACCEPTED, NOT_FOUND, CANCELLED], { cancelled: ['job'] }],
  'when it is tried again': [
    async (it) => [await it.create({}, { retryLimit: 1 }), (await it.fail(), await it.fail(), await it.state())],
    [ACCEPTED, FAILED], { failed: ['job'] }],
  'when a worker writes an owner into its data': [
    async (it) => {
      const created = await it.create()
      await it.boss.update(QUEUE, { fabricJob: { tenantId: 'another' } }, { id: it.job.jobInstanceId })
      return [created, await it.state()]
    }, [ACCEPTED, NOT_STARTED], { created: ['job'] }],
  'while it is moved to a dead letter queue, where its copy is another job': [
    async (it) => {
      await it.boss.createQueue('deadLetters')
      const created = await it.create({}, { retryLimit: 0, deadLetter: 'deadLetters' })
      await it.fail()
      const [copy] = await it.boss.fetch('deadLetters')
      const polled = await new JobsHost(pgBossJobs(it.boss, { jobTypes: [QUEUE], queue: () => 'deadLetters' }))
        .state({ ...it.job, itemId: randomUUID(), jobInstanceId: String(copy?.id) })
      await it.boss.deleteAllJobs('deadLetters')
      return [created, await it.state(), polled]
    }, [ACCEPTED, FAILED, NOT_FOUND], { failed: ['job'] }]
}))

t.test('an id is of one job in each queue, whatever the job types', { skip }, async (t) => {
  const { boss, job } = new Scenario(t)
  await boss.start()
  const jobTypes = [QUEUE, 'refresh']
  const refresh = { ...job, jobType: 'refresh' }
  const queuePerType = new JobsHost(pgBossJobs(boss, { jobTypes }))
  t.strictSame([await queuePerType.create(job), await queuePerType.create(refresh)], [ACCEPTED, ACCEPTED])
  t.strictSame(readable(await queuePerType.cancel(refresh)), CANCELLED)
  t.strictSame(await queuePerType.state(job), NOT_STARTED)
  const oneQueue = new JobsHost(pgBossJobs(boss, { jobTypes, queue: () => 'forecasts' }))
  t.strictSame([await oneQueue.create(job), readable(await oneQueue.create(refresh))], [ACCEPTED, NOT_ACCEPTED])
})

t.test('gives data, options and the queue of the job to pg-boss', { skip }, async (t) => {
  const { engine, job } = new Scenario(t)
  const boss = await engine.start()
  await boss.createQueue('deadLetters')
  const host = new JobsHost(pgBossJobs(boss, {
    jobTypes: ['calculate forecast'],
    queue: ({ jobType }) => jobType.replaceAll(' ', '-'),
    data: ({ itemId }, { invokeType }) => ({ itemId, invokeType }),
    options: ({ itemType }) => ({ priority: itemType.length, deadLetter: 'deadLetters', group: { id: 'a', tier: 'b' } })
  }))
  t.strictSame(await host.create({ ...job, jobType: 'calculate forecast' }), ACCEPTED)
  t.match(await boss.findJobs('calculate-forecast'), [{
    id: job.jobInstanceId,
    data: { itemId: job.itemId, invokeType: 'Manual' },
    priority: job.itemType.length,
    deadLetter: 'deadLetters',
    groupId: 'a',
    groupTier: 'b'
  }])
  t.strictSame(await host.state({ ...job, jobType: 'calculate forecast' }), NOT_STARTED)
})

t.test('the data of a job is the creation payload, or empty, and nothing else', { skip }, async (t) => {
  const { engine, job, other } = new Scenario(t)
  const boss = await engine.start()
  const host = new JobsHost(pgBossJobs(boss, { jobTypes: [QUEUE] }))
  const creationPayload = { seconds: 20, fabricJob: { tenantId: 'another tenant' } }
  await host.create(job, { body: { invokeType: 'Manual', creationPayload } })
  await host.create(other)
  t.strictSame((await boss.findJobs(QUEUE)).map(({ data }) => data), [creationPayload, {}])
  t.strictSame(await host.state(job), NOT_STARTED, 'a payload does not change the owner')
  const unstorable = await host.create(someJob(), { body: { invokeType: 'Manual', creationPayload: { name: 'a\0' } } })
  t.strictSame(readable(unstorable), INVALID_REQUEST)
})

t.test('an error of data or options chooses the answer, and nothing is stored', { skip }, async (t) => {
  const scenario = new Scenario(t)
  await scenario.boss.start()
  const data = () => {
    throw new WorkloadError({ statusCode: 422, errorCode: 'NoSeries', message: 'No series.', source: 'User', isPermanent: true })
  }
  const answer = await new JobsHost(pgBossJobs(scenario.boss, { jobTypes: [QUEUE], data })).create(scenario.job)
  t.strictSame(readable(answer), error(422, 'NoSeries', 'User', true))
  t.strictSame(await scenario.stored(), {})
})

t.test('answers 500 when the options of a job are wrong: the engine can be reached', { skip }, (t) => check(t, {
  'because pg-boss refuses a value': [
    async (it) => [await it.create({}, { retryLimit: -1 })], [INTERNAL_ERROR], {}],
  'because the policy of the queue needs a singletonKey': [
    async (it) => [await it.create(), await it.create({}, { singletonKey: 'a' })], [INTERNAL_ERROR, ACCEPTED], { created: ['job'] }],
  'because there is no such dead letter queue': [
    async (it) => [await it.create({}, { singletonKey: 'a', deadLetter: 'missing' })], [INTERNAL_ERROR], {}]
}, { policy: 'key_strict_fifo' }))

t.test('answers 500 when the host names a queue that pg-boss refuses, or makes data that is not JSON', { skip }, async (t) => {
  const scenario = new Scenario(t)
  await scenario.boss.start()
  for (const options of [{ queue: () => 'not a name' }, { data: () => ({ points: 12n }) }]) {
    const host = new JobsHost(pgBossJobs(scenario.boss, { jobTypes: [QUEUE], ...options }))
    t.strictSame(readable(await host.create(scenario.job)), INTERNAL_ERROR)
  }
  t.strictSame(await scenario.stored(), {})
})

t.test('answers 503 when PostgreSQL cannot store a job, and 202 when it can again', { skip }, async (t) => {
  const scenario = new Scenario(t)
  await scenario.boss.start()
  await scenario.engine.sql(`
    CREATE FUNCTION SCHEMA.refuse () RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON SCHEMA.job_common FOR EACH ROW EXECUTE FUNCTION SCHEMA.refuse()`)
  t.strictSame(readable(await scenario.create()), ENGINE_DOWN)
  await scenario.engine.sql('DROP TRIGGER refuse ON SCHEMA.job_common')
  t.strictSame(await scenario.create(), ACCEPTED)
})

t.test('creates jobs of a type that is named like a member of Object.prototype', { skip }, async (t) => {
  const engine = new Engine(t)
  const [boss, other] = [await engine.start(), await engine.start()]
  await other.createQueue('constructor')
  const host = new JobsHost(pgBossJobs(boss, { jobTypes: ['constructor', 'toString'] }))
  for (const jobType of ['constructor', 'toString']) {
    t.strictSame(await host.create(someJob({ jobType })), ACCEPTED)
  }
})

t.test('a state poll in the same moment as the create is 404 or NotStarted', { skip }, async (t) => {
  const boss = await new Engine(t).start()
  const host = new JobsHost(pgBossJobs(boss, { jobTypes: [QUEUE] }))
  for (let i = 0; i < 20; i++) {
    const job = someJob()
    const [created, polled] = await Promise.all([host.create(job), host.state(job)])
    t.strictSame(created, ACCEPTED)
    t.match(polled.statusCode === 404 ? NOT_THERE : NOT_STARTED, polled)
    t.strictSame(await host.state(job), NOT_STARTED)
  }
})

t.test('a cancel in the same moment as the end of the job answers with the state that stays', { skip }, async (t) => {
  const boss = await new Engine(t).start()
  const host = new JobsHost(pgBossJobs(boss, { jobTypes: [QUEUE] }))
  for (let i = 0; i < 20; i++) {
    const job = someJob()
    await host.create(job)
    await boss.fetch(QUEUE)
    const [cancelled] = await Promise.all([host.cancel(job), boss.complete(QUEUE, job.jobInstanceId)])
    t.strictSame(cancelled, await host.state(job))
  }
})

t.test('no queue for a job: create is 400, state and cancel are 404', { skip }, async (t) => {
  const host = new JobsHost(pgBossJobs(new Engine(t).boss(), { jobTypes: [QUEUE], queue: () => undefined }))
  t.strictSame(readable(await host.create(someJob())), UNKNOWN_TYPE)
  t.strictSame(readable(await host.state(someJob())), NOT_FOUND)
  t.strictSame(readable(await host.cancel(someJob())), NOT_FOUND)
})

t.test('answers 503 within the timeout while PostgreSQL is down, and serves again when it is back', { skip }, async (t) => {
  const proxy = new Proxy(DATABASE_URL)
  await proxy.start()
  t.teardown(() => proxy.stop())
  const engine = new Engine(t)
  const boss = engine.boss({ connectionString: proxy.url })
  const host = new JobsHost(pgBossJobs(boss, { jobTypes: [QUEUE], timeout: 500 }))
  const [job, late] = [someJob(), someJob()]
  const answers = async (job: JobInstance) =>
    (await Promise.all([host.create(job), host.state(job), host.cancel(job)])).map(readable)
  const DOWN = [ENGINE_DOWN, ENGINE_DOWN, ENGINE_DOWN]

  t.strictSame(await answers(job), DOWN, 'not started yet')
  await proxy.stop()
  await t.rejects(boss.start())
  t.strictSame(await answers(job), DOWN, 'down at the start')
  await proxy.start()
  await boss.start()
  t.strictSame(await host.create(job), ACCEPTED, 'up')

  await proxy.stop()
  t.strictSame(await answers(job), DOWN, 'down later')
  await proxy.start()
  t.strictSame(await host.state(job), NOT_STARTED, 'back')

  proxy.silence()
  t.strictSame(await answers(late), DOWN, 'silent')
  await proxy.stop()
  await proxy.start()
  t.strictSame(await host.create(late), ACCEPTED, 'the same create again')
  t.strictSame(readable(await host.cancel(job)), CANCELLED)
  t.strictSame(await engine.sql('SELECT state, count(*)::int FROM SCHEMA.job GROUP BY state ORDER BY state'),
    [{ state: 'created', count: 1 }, { state: 'cancelled', count: 1 }])
})

t.test('answers 503 without the message of PostgreSQL when the schema is gone', { skip }, async (t) => {
  const engine = new Engine(t)
  const boss = await engine.start()
  await engine.sql(`DROP SCHEMA ${engine.schema} CASCADE`)
  const host = new JobsHost(pgBossJobs(boss, { jobTypes: [QUEUE] }))
  const job = someJob()
  for (const answer of [await host.create(job), await host.state(job), await host.cancel(job)]) {
    t.strictSame(readable(answer), ENGINE_DOWN)
    t.notMatch(JSON.stringify(answer.body), /relation|schema|jobs_/)
  }
})

t.test('stores no job without its owner, and finds none, if a release of pg-boss has other statements', { skip }, async (t) => {
  const { engine, boss, job } = new Scenario(t)
  await boss.start()
  const execute = (text: string) => async (...args: Array<{ db?: Db }>) => await args.at(-1)?.db?.executeSql(text, ['[{}]'])
  const other = new globalThis.Proxy(boss, {
    get: (boss, name) => {
      if (name === 'send') return execute('INSERT INTO pgboss.job')
      if (name === 'getDependencies') return execute('SELECT FROM pgboss.dependencies')
      const method: unknown = Reflect.get(boss, name)
      return typeof method === 'function' ? method.bind(boss) : method
    }
  })
  const host = new JobsHost(pgBossJobs(other, { jobTypes: [QUEUE] }))
  t.strictSame(readable(await host.create(job)), INTERNAL_ERROR)
  t.strictSame(readable(await host.state(job)), INTERNAL_ERROR)
  t.strictSame(await engine.sql('SELECT id FROM SCHEMA.job'), [])
})

t.test('registration refuses what is not a PgBoss of pg-boss 12', { skip }, async (t) => {
  const method = () => {}
  const wrong: Array<[boss: unknown, message: RegExp]> = [
    [undefined, /boss must be a PgBoss of pg-boss 12, not undefined\./],
    [null, /not null/],
    ['postgres://127.0.0.1', /not a string/],
    [{}, /not another object/],
    // What a Queue of BullMQ and a PgBoss of pg-boss 11 look like from here.
    [{ add: method, getBackend: method }, /not another object/],
    [{ send: method, work: method, getDb: method }, /pg-boss 12\.38 or newer; this one is older/]
  ]
  for (const [boss, message] of wrong) {
    t.throws(() => Reflect.apply(pgBossJobs, undefined, [boss, { jobTypes: [QUEUE] }]), { name: 'TypeError', message })
    t.throws(() => Reflect.apply(pgBossJobState, undefined, [boss]), { name: 'TypeError', message })
    await t.rejects(Reflect.apply(fabricWork, undefined, [boss, QUEUE, {}, method]), { name: 'TypeError', message })
  }
  const boss = new Engine(t).boss()
  t.throws(() => Reflect.apply(pgBossJobs, undefined, [boss]), { name: 'TypeError' })
  t.throws(() => pgBossJobs(boss, { jobTypes: [] }), { name: 'TypeError', message: /jobTypes/ })
  t.throws(() => pgBossJobs(boss, { jobTypes: ['a b'] }), { name: 'TypeError', message: /job type "a b" as the name of a queue/ })
  t.throws(() => pgBossJobs(boss, { jobTypes: [QUEUE], timeout: 0 }), { name: 'TypeError', message: /timeout/ })
})
