import { randomUUID } from 'node:crypto'

import { createPostgresBackend, Queue, type JobsOptions } from 'bullmq'
import Fastify from 'fastify'
import t, { type Test } from 'tap'

import { bullmqJobs, bullmqJobState, fabricProcessor } from '../../lib/engines/bullmq.js'
import { WorkloadError, type JobInstance } from '../../lib/index.js'
import { Engine, heard } from './bullmq-engine.js'
import { JobsHost } from './jobs-host.js'
import { CALLER, NOT_THERE, someJob, state, type Answer } from './polling.js'
import { DATABASE_URL, Proxy, REDIS_URL, skipWithout } from './services.js'

const skip = await skipWithout('Redis', REDIS_URL)
const QUEUE = 'calculateForecast'
const HOUR = 3_600_000

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
const ENGINE_DOWN = error(503, 'EngineUnavailable', 'System', false)
const INTERNAL_ERROR = error(500, 'InternalError', 'System', false)
const NOT_FOUND = error(404, 'JobInstanceNotFound', 'System', true)

/** Fabric, and the engine with one job type; `job` is the job that a line of a table is about. */
class Scenario {
  readonly engine: Engine
  readonly queue: Queue
  readonly job = someJob()
  readonly other = someJob()

  constructor (t: Test) {
    this.engine = new Engine(t)
    this.queue = this.engine.queue(QUEUE)
  }

  host (options: JobsOptions = {}): JobsHost {
    return new JobsHost(bullmqJobs(this.queue, { jobTypes: [QUEUE], options: () => options }))
  }

  create (job: Partial<JobInstance> = {}, options?: JobsOptions, tenantId?: string): Promise<Answer> {
    return this.host(options).create({ ...this.job, ...job }, tenantId === undefined ? {} : { tenantId })
  }

  cancel (job: Partial<JobInstance> = {}, tenantId?: string): Promise<Answer> {
    return this.host().cancel({ ...this.job, ...job }, tenantId === undefined ? {} : { tenantId })
  }

  /** The jobs that the engine has stored, by their state. */
  async stored (): Promise<Record<string, string[]>> {
    const names = new Map([[this.job.jobInstanceId, 'job'], [this.other.jobInstanceId, 'other']])
    const stored: Record<string, string[]> = {}
    for (const state of ['waiting', 'active', 'delayed', 'completed', 'failed'] as const) {
      const ids = (await this.queue.getJobs([state])).map(({ id = '' }) => names.get(id) ?? id)
      if (ids.length > 0) stored[state] = ids
    }
    return stored
  }
}

/** Each line: the calls, their responses, and the jobs that the engine has stored afterwards. */
type Table = Record<string, [act: (it: Scenario) => Promise<Answer[]>, answers: object[], stored: Record<string, string[]>]>

async function check (t: Test, table: Table): Promise<void> {
  for (const [name, [act, answers, stored]] of Object.entries(table)) {
    await t.test(name, async (t) => {
      const scenario = new Scenario(t)
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

const deduplication = { id: 'one at a time' }
const upperCase = ({ jobInstanceId, workspaceId, itemId }: JobInstance) =>
  ({ jobInstanceId: jobInstanceId.toUpperCase(), workspaceId: workspaceId.toUpperCase(), itemId: itemId.toUpperCase() })

t.test('creates a job once, for one owner', { skip }, (t) => check(t, {
  'answers 202 when a job is created': [
    async (it) => [await it.create()], [ACCEPTED], { waiting: ['job'] }],
  'answers 202 when a job is created twice': [
    async (it) => [await it.create(), await it.create()], [ACCEPTED, ACCEPTED], { waiting: ['job'] }],
  'answers 202 when a job is created three times at once': [
    (it) => Promise.all([it.create(), it.create(), it.create()]), [ACCEPTED, ACCEPTED, ACCEPTED], { waiting: ['job'] }],
  'stores the id of a job in lower case': [
    async (it) => [await it.create(upperCase(it.job)), await it.create()], [ACCEPTED, ACCEPTED], { waiting: ['job'] }],
  'answers 202 when a job that has ended is created again': [
    async (it) => [await it.create(), (await it.engine.run(QUEUE, () => {}), await it.create())],
    [ACCEPTED, ACCEPTED], { completed: ['job'] }],
  'answers 202 when a job is removed as soon as it ends': [
    async (it) => {
      const isOver = it.engine.run(QUEUE, () => {})
      const answer = await it.create({}, { removeOnComplete: true })
      await isOver
      return [answer]
    }, [ACCEPTED], {}],
  'answers 202 when a job is created again after it was cancelled': [
    async (it) => [await it.create(), await it.cancel(), await it.create(), await it.host().state(it.job)],
    [ACCEPTED, CANCELLED, ACCEPTED, CANCELLED], { waiting: ['job'] }],
  'answers 202 when release 0.1.0 stored the job, with its owner in the data': [
    async (it) => {
      await it.engine.addWithOwnerInData(it.job)
      return [await it.create(), await it.create({}, {}, randomUUID())]
    }, [ACCEPTED, NOT_ACCEPTED], { waiting: ['job'] }],
  'answers 409 when the job belongs to another tenant': [
    async (it) => [await it.create(), await it.create({}, {}, randomUUID())], [ACCEPTED, NOT_ACCEPTED], { waiting: ['job'] }],
  'answers 409 when the job belongs to another item': [
    async (it) => [await it.create(), await it.create({ itemId: randomUUID() })], [ACCEPTED, NOT_ACCEPTED], { waiting: ['job'] }],
  'answers 202 to one of two owners who create the same id at once': [
    async (it) => {
      const answers = await Promise.all([it.create(), it.create({}, {}, randomUUID())])
      return answers.sort((a, b) => a.statusCode - b.statusCode)
    }, [ACCEPTED, NOT_ACCEPTED], { waiting: ['job'] }],
  'answers 409 when the id belongs to a job of the host': [
    async (it) => {
      await it.queue.add('nightly', {}, { jobId: it.job.jobInstanceId })
      return [await it.create()]
    }, [NOT_ACCEPTED], { waiting: ['job'] }],
  'answers 400 when the job type is not served': [
    async (it) => [await it.create({ jobType: 'refresh' })], [UNKNOWN_TYPE], {}],
  'answers 400 when the job type is the name of an Object.prototype member': [
    async (it) => [await it.create({ jobType: 'constructor' }), await it.create({ jobType: '__proto__' })],
    [UNKNOWN_TYPE, UNKNOWN_TYPE], {}],
  'answers 409 when BullMQ ignores the job because of its deduplication id': [
    async (it) => [await it.create(it.other, { deduplication }), await it.create({}, { deduplication })],
    [ACCEPTED, NOT_ACCEPTED], { waiting: ['other'] }],
  'answers 409 when BullMQ throttles the job': [
    async (it) => {
      const throttled = { deduplication: { ...deduplication, ttl: HOUR } }
      return [await it.create(it.other, throttled), await it.create({}, throttled)]
    }, [ACCEPTED, NOT_ACCEPTED], { waiting: ['other'] }],
  'answers 202 when a job with a deduplication id is created twice': [
    async (it) => [await it.create({}, { deduplication }), await it.create({}, { deduplication })],
    [ACCEPTED, ACCEPTED], { waiting: ['job'] }],
  'answers 202 when BullMQ replaces a delayed job by this one': [
    async (it) => {
      const debounced = { delay: HOUR, deduplication: { ...deduplication, replace: true, extend: true, ttl: HOUR } }
      return [await it.create(it.other, debounced), await it.create({}, debounced)]
    }, [ACCEPTED, ACCEPTED], { delayed: ['job'] }],
  'answers 500 to a deduplication that would run a refused job later': [
    async (it) => [await it.create({}, { deduplication: { ...deduplication, keepLastIfActive: true } })],
    [INTERNAL_ERROR], {}]
}))

t.test('answers 500 when the options or the data of a job are wrong', { skip }, (t) => check(t, {
  'because BullMQ refuses a value': [
    async (it) => [await it.create({}, { priority: 2 ** 22 }), await it.create({}, { sizeLimit: 1 })],
    [INTERNAL_ERROR, INTERNAL_ERROR], {}],
  'because the parent does not exist': [
    async (it) => [await it.create({}, { parent: { id: 'missing', queue: it.queue.qualifiedName } })], [INTERNAL_ERROR], {}],
  'because the data is not JSON': [
    async (it) => [await new JobsHost(it.engine.callbacks({ data: () => ({ points: 12n }) })).create(it.job)], [INTERNAL_ERROR], {}]
}))

t.test('cancels the job of its owner, and answers with its state', { skip }, (t) => check(t, {
  'answers Cancelled when the job waits': [
    async (it) => [await it.create(), await it.cancel(), await it.host().state(it.job)],
    [ACCEPTED, CANCELLED, CANCELLED], { waiting: ['job'] }],
  'answers Cancelled when the job is delayed': [
    async (it) => [await it.create({}, { delay: HOUR }), await it.cancel()], [ACCEPTED, CANCELLED], { delayed: ['job'] }],
  'does not run a job that was cancelled while it waited': [
    async (it) => {
      const answers = [await it.create({}, { attempts: 3 }), await it.cancel()]
      await it.engine.run(QUEUE, () => { throw new Error('It runs.') })
      return [...answers, await it.host().state(it.job)]
    }, [ACCEPTED, CANCELLED, CANCELLED], { failed: ['job'] }],
  'answers Cancelled with the start when the job runs': [
    async (it) => [await it.create(), (await it.engine.take(QUEUE), await it.cancel())],
    [ACCEPTED, CANCELLED_AFTER_START], { active: ['job'] }],
  'answers Completed when the job has completed': [
    async (it) => [await it.create(), (await it.engine.run(QUEUE, () => {}), await it.cancel())],
    [ACCEPTED, COMPLETED], { completed: ['job'] }],
  'answers Failed when the job has failed': [
    async (it) => [
      await it.create(), (await it.engine.run(QUEUE, () => { throw new Error('The disk is full.') }), await it.cancel())
    ], [ACCEPTED, FAILED], { failed: ['job'] }],
  'keeps the state of the first cancel': [
    async (it) => [await it.create(), await it.cancel(), (await it.engine.take(QUEUE), await it.cancel())],
    [ACCEPTED, CANCELLED, CANCELLED], { active: ['job'] }],
  'takes ids in upper case': [
    async (it) => [await it.create(), await it.cancel(upperCase(it.job)), await it.host().state(it.job)],
    [ACCEPTED, CANCELLED, CANCELLED], { waiting: ['job'] }],
  'answers 404 when there is no such job': [
    async (it) => [await it.cancel()], [NOT_FOUND], {}],
  'answers 404 when the job belongs to another tenant': [
    async (it) => [await it.create(), await it.cancel({}, randomUUID()), await it.host().state(it.job)],
    [ACCEPTED, NOT_FOUND, NOT_STARTED], { waiting: ['job'] }],
  'answers 404 when the job belongs to another item': [
    async (it) => [await it.create(), await it.cancel({ itemId: randomUUID() }), await it.host().state(it.job)],
    [ACCEPTED, NOT_FOUND, NOT_STARTED], { waiting: ['job'] }],
  'answers 404 when the job type differs': [
    async (it) => [await it.create(), await it.cancel({ jobType: 'constructor' }), await it.host().state(it.job)],
    [ACCEPTED, NOT_FOUND, NOT_STARTED], { waiting: ['job'] }],
  'answers 404 when the job is one of the host': [
    async (it) => {
      await it.queue.add('nightly', { fabricJob: 1 }, { jobId: it.job.jobInstanceId })
      return [await it.cancel()]
    }, [NOT_FOUND], { waiting: ['job'] }],
  'cancels a job that release 0.1.0 stored, with its owner in the data': [
    async (it) => {
      await it.engine.addWithOwnerInData(it.job)
      return [await it.cancel({}, randomUUID()), await it.cancel()]
    }, [NOT_FOUND, CANCELLED], { waiting: ['job'] }]
}))

t.test('hands data, options, job type and ActivityId to the worker', { skip }, async (t) => {
  const { engine, queue, job } = new Scenario(t)
  const host = new JobsHost(bullmqJobs(queue, {
    jobTypes: [QUEUE],
    data: ({ itemId }, { invokeType }) => ({ itemId, invokeType }),
    options: ({ itemType }) => ({ attempts: itemType.length, jobId: 'ignored' })
  }))
  const activityId = randomUUID()
  t.strictSame(await host.create(job, { activityId }), ACCEPTED)
  await engine.run(QUEUE, ({ id, name, data, opts }, context) => {
    t.strictSame({ id, name, data }, { id: job.jobInstanceId, name: QUEUE, data: { itemId: job.itemId, invokeType: 'Manual' } })
    t.equal(opts.attempts, job.itemType.length)
    t.equal(context.activityId, activityId)
  })
})

t.test('the data of a job is the creation payload, or empty', { skip }, async (t) => {
  const { engine, queue, job, other } = new Scenario(t)
  const host = new JobsHost(bullmqJobs(queue, { jobTypes: [QUEUE] }))
  const creationPayload = { seconds: 20, fabricJob: { tenantId: 'another tenant' } }
  const given: unknown[] = []
  await host.create(job, { body: { invokeType: 'Manual', creationPayload } })
  await engine.run(QUEUE, ({ data }) => { given.push(data) })
  await host.create(other)
  await engine.run(QUEUE, ({ data }) => { given.push(data) })
  t.strictSame(given, [creationPayload, {}])
  t.strictSame((await host.state(job)).statusCode, 200, 'a payload does not change the owner')
})

t.test('an error of data or options chooses the answer, and nothing is stored', { skip }, async (t) => {
  const scenario = new Scenario(t)
  const data = () => {
    throw new WorkloadError({ statusCode: 422, errorCode: 'NoSeries', message: 'No series.', source: 'User', isPermanent: true })
  }
  const answer = await new JobsHost(bullmqJobs(scenario.queue, { jobTypes: [QUEUE], data })).create(scenario.job)
  t.strictSame(readable(answer), error(422, 'NoSeries', 'User', true))
  t.strictSame(await scenario.stored(), {})
})

t.test('a state poll in the same moment as the create is 404 or NotStarted', { skip }, async (t) => {
  const { engine } = new Scenario(t)
  const host = new JobsHost(engine.callbacks())
  for (let i = 0; i < 20; i++) {
    const job = someJob()
    const [created, polled] = await Promise.all([host.create(job), host.state(job)])
    t.strictSame(created, ACCEPTED)
    t.match(polled.statusCode === 404 ? NOT_THERE : NOT_STARTED, polled)
    t.strictSame(await host.state(job), NOT_STARTED)
  }
})

t.test('an id that is not a UUID is not a job, and is never written to', { skip }, async (t) => {
  const { engine, queue } = new Scenario(t)
  await queue.waitUntilReady()
  await engine.add(someJob())
  const client = await queue.getBackend().client
  const { createJobInstance, resolveJobState, cancelJobInstance } = bullmqJobs(queue, { jobTypes: [QUEUE] })
  const context = { caller: CALLER, log: Fastify().log }
  const meta = await client.hgetall(queue.toKey('meta'))
  for (const jobInstanceId of ['meta', 'wait', 'delayed', 'id', '1']) {
    const job = someJob({ jobInstanceId })
    t.equal(await Reflect.apply(resolveJobState, undefined, [job, context]), null, jobInstanceId)
    t.equal(await Reflect.apply(cancelJobInstance, undefined, [job, context]), null, jobInstanceId)
    await t.rejects(Reflect.apply(createJobInstance, undefined, [job, { invokeType: 'Manual' }, context]), {
      name: 'TypeError', message: /jobInstanceId must be a UUID/
    })
  }
  t.strictSame(await client.hgetall(queue.toKey('meta')), meta)
  t.equal(await queue.getWaitingCount(), 1)
})

t.test('no queue for a job: create is 400, state and cancel are 404', async (t) => {
  const host = new JobsHost(bullmqJobs(() => undefined, { jobTypes: [QUEUE] }))
  t.strictSame(readable(await host.create(someJob())), UNKNOWN_TYPE)
  t.strictSame(readable(await host.state(someJob())), NOT_FOUND)
  t.strictSame(readable(await host.cancel(someJob())), NOT_FOUND)
})

t.test('answers 503 within the timeout while Redis is down, and serves again when it is back', { skip }, async (t) => {
  const proxy = new Proxy(REDIS_URL)
  await proxy.start()
  await proxy.stop()
  t.teardown(() => proxy.stop())
  const engine = new Engine(t, proxy.url)
  const queue = engine.queue(QUEUE)
  const host = new JobsHost(bullmqJobs(queue, { jobTypes: [QUEUE], timeout: 100 }))
  const [job, late] = [someJob(), someJob()]
  const answers = async (job: JobInstance) =>
    (await Promise.all([host.create(job), host.state(job), host.cancel(job)])).map(readable)
  const DOWN = [ENGINE_DOWN, ENGINE_DOWN, ENGINE_DOWN]

  t.strictSame(await answers(job), DOWN, 'down at the start')
  await proxy.start()
  await queue.waitUntilReady()
  t.strictSame(await queue.getJobs(), [], 'what was answered with 503 does not happen later')
  t.strictSame(await host.create(job), ACCEPTED, 'up')

  const client = await queue.getBackend().client
  const lost = heard(client, 'reconnecting')
  await proxy.stop()
  await lost
  t.strictSame(await answers(job), DOWN, 'down later')
  const back = heard(client, 'ready')
  await proxy.start()
  await back
  t.strictSame(await host.state(job), NOT_STARTED, 'back')

  proxy.silence()
  t.strictSame(await answers(late), DOWN, 'silent')
  const backAgain = heard(client, 'ready')
  await proxy.stop()
  await proxy.start()
  await backAgain
  t.strictSame(await host.create(late), ACCEPTED, 'the same create again')
  t.strictSame(readable(await host.cancel(job)), CANCELLED)
  t.strictSame((await queue.getWaiting()).length, 2)
})

t.test('answers 503 when the connection breaks under a command', { skip }, async (t) => {
  const proxy = new Proxy(REDIS_URL)
  await proxy.start()
  t.teardown(() => proxy.stop())
  const engine = new Engine(t, proxy.url)
  const host = new JobsHost(bullmqJobs(engine.queue(QUEUE), { jobTypes: [QUEUE], timeout: 200 }))
  const job = someJob()
  await host.create(job)
  proxy.silence()
  const pending = Promise.all([host.create(someJob()), host.cancel(job)])
  await proxy.stop()
  t.strictSame((await pending).map(readable), [ENGINE_DOWN, ENGINE_DOWN])
  await proxy.start()
})

t.test('answers 503 when Redis refuses the command, and 202 when it does not any more', { skip }, async (t) => {
  const { queue, job } = new Scenario(t)
  const host = new JobsHost(bullmqJobs(queue, { jobTypes: [QUEUE] }))
  const client = await queue.getBackend().client
  await client.set(queue.toKey('wait'), 'not a list')
  t.strictSame(readable(await host.create(job)), ENGINE_DOWN)
  await client.del(queue.toKey('wait'))
  await client.del(queue.toKey(job.jobInstanceId))
  t.strictSame(await host.create(job), ACCEPTED)
})

t.test('registration refuses what is not a queue of BullMQ 6 on Redis', { skip }, async (t) => {
  const engine = new Engine(t)
  const postgres = new Queue(QUEUE, { connection: { connectionString: DATABASE_URL } }, createPostgresBackend)
  postgres.on('error', () => {})
  t.teardown(() => postgres.close())
  // What a Queue of BullMQ 5 looks like from here.
  const older = { name: QUEUE, toKey: (type: string) => `bull:${QUEUE}:${type}`, add: async () => {} }
  const wrong: Array<[queue: unknown, message: RegExp]> = [
    [undefined, /queue must be a Queue of BullMQ 6 or a function that returns one, not undefined/],
    [null, /not null/],
    ['forecasts', /not a string/],
    [{}, /not another object/],
    [engine.worker(QUEUE, null), /not another object/],
    [older, /no getBackend\(\)/],
    [postgres, /queue must be a Queue on Redis/]
  ]
  for (const [queue, message] of wrong) {
    t.throws(() => Reflect.apply(bullmqJobs, undefined, [queue, { jobTypes: [QUEUE] }]), { name: 'TypeError', message })
    t.throws(() => Reflect.apply(bullmqJobState, undefined, [queue]), { name: 'TypeError', message })
    t.throws(() => Reflect.apply(fabricProcessor, undefined, [queue, () => {}]), { name: 'TypeError', message })
    const callbacks = Reflect.apply(bullmqJobs, undefined, [() => queue, { jobTypes: [QUEUE] }])
    if (queue !== undefined) await t.rejects(Promise.resolve(callbacks.resolveJobState(someJob(), {})), { name: 'TypeError', message })
  }
  const queue = new Queue(QUEUE, { connection: { url: REDIS_URL, lazyConnect: true } })
  t.teardown(() => queue.close())
  t.throws(() => Reflect.apply(bullmqJobs, undefined, [queue]), { name: 'TypeError', message: /jobTypes/ })
  t.throws(() => bullmqJobs(queue, { jobTypes: [] }), { name: 'TypeError', message: /jobTypes/ })
  t.throws(() => bullmqJobs(queue, { jobTypes: [QUEUE], timeout: 0 }), { name: 'TypeError', message: /timeout/ })
})
