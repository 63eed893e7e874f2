import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import { Queue, UnrecoverableError } from 'bullmq'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'

import { bullmqJobState, withOwner } from '../../lib/engines/bullmq.js'
import { WorkloadError, type JobInstance } from '../../lib/index.js'
import { Engine, heard, TOKEN } from './bullmq-engine.js'
import { CALLER, ENGINE_DOWN, checkOwner, NOT_THERE, Poller, someJob, state, type Answer } from './polling.js'
import { Proxy, REDIS_URL, skipWithout } from './services.js'

const skip = await skipWithout('Redis', REDIS_URL)
const HOUR = 3_600_000

/** The state of a job in BullMQ, and the response to Fabric, in which each time is the name of the field that it comes from. */
interface Report extends Answer {
  bullmq: string
}

class Story {
  readonly engine: Engine
  readonly reports: Record<string, Report> = {}
  readonly #fabric: Poller

  constructor (t: Test) {
    this.engine = new Engine(t)
    this.#fabric = new Poller(bullmqJobState(({ jobType }) => this.engine.queue(jobType)))
  }

  async report (what: string, job: JobInstance): Promise<void> {
    const queue = this.engine.queue(job.jobType)
    const client = await queue.getBackend().client
    const { statusCode, body } = await this.#fabric.poll(job)
    this.reports[what] = {
      bullmq: await queue.getJobState(job.jobInstanceId),
      statusCode,
      body: withFieldNames(body, await client.hgetall(queue.toKey(job.jobInstanceId)))
    }
  }
}

/** Each time of the answer as the name of the field of the job's hash that it comes from. */
function withFieldNames (body: unknown, hash: Record<string, string>): object {
  return Object.fromEntries(Object.entries(Object(body)).map(([property, value]) => {
    const field = TIMES[property]?.find((name) => value === new Date(Number(hash[name])).toJSON())
    return [property, field ?? value]
  }))
}

const TIMES: Record<string, string[]> = {
  startTimeUtc: ['processedOn', 'fabricStartedOn', 'finishedOn'],
  endTimeUtc: ['fabricCancelledOn', 'finishedOn']
}

const NOT_STARTED = state({ status: 'NotStarted' })
const IN_PROGRESS = state({ status: 'InProgress', startTimeUtc: 'processedOn' })
const COMPLETED = state({ status: 'Completed', startTimeUtc: 'processedOn', endTimeUtc: 'finishedOn' })
const failed = (errorDetails: object) =>
  state({ status: 'Failed', startTimeUtc: 'processedOn', endTimeUtc: 'finishedOn', errorDetails })
const abandoned = (errorDetails: object) => state({ status: 'Failed', endTimeUtc: 'finishedOn', errorDetails })
const CANCELLED = state({ status: 'Cancelled', endTimeUtc: 'fabricCancelledOn' })
const CANCELLED_AFTER_START = state({
  status: 'Cancelled', startTimeUtc: 'processedOn', endTimeUtc: 'fabricCancelledOn'
})
const jobFailed = (message: string) => failed({ errorCode: 'JobFailed', message, source: 'System' })

t.test('each state of a BullMQ job is reported to Fabric as in the table', { skip }, async (t) => {
  const story = new Story(t)
  const { engine } = story
  const ofType = (jobType: string) => someJob({ jobType })

  await story.report('never added', ofType('plain'))
  const plain = await engine.add(ofType('plain'))
  await story.report('waiting', plain)
  const active = await engine.take('plain')
  await story.report('active', plain)
  await active.moveToCompleted(undefined, TOKEN, false)
  await story.report('completed', plain)
  await active.remove()
  await story.report('removed', plain)

  await story.report('prioritized', await engine.add(ofType('prioritized'), { priority: 5 }))
  await story.report('delayed', await engine.add(ofType('delayed'), { delay: HOUR }))
  await engine.queue('paused').pause()
  await story.report('waiting in a paused queue', await engine.add(ofType('paused')))

  const parent = ofType('parent')
  const { id, data } = withOwner(parent, CALLER, {})
  await engine.flow().add({
    name: 'parent', queueName: 'parent', data, opts: { jobId: id }, children: [{ name: 'child', queueName: 'child' }]
  })
  engine.queue('child')
  await story.report('waiting-children', parent)

  const makesChildren = await engine.add(ofType('makesChildren'))
  const making = await engine.take('makesChildren')
  const itself = { id: makesChildren.jobInstanceId, queue: making.queueQualifiedName }
  await engine.queue('child').add('child', {}, { parent: itself })
  await making.moveToWaitingChildren(TOKEN)
  await story.report('waiting-children, started before', makesChildren)

  const again = await engine.add(ofType('again'), { attempts: 2 })
  await (await engine.take('again')).moveToFailed(new Error('once'), TOKEN)
  await story.report('waiting, started before', again)
  const second = await engine.take('again')
  await story.report('active again', again)
  await second.moveToCompleted(undefined, TOKEN, false)
  await story.report('completed at the second attempt, with nothing to return', again)

  const later = await engine.add(ofType('later'), { attempts: 2, backoff: { type: 'fixed', delay: HOUR } })
  await (await engine.take('later')).moveToFailed(new Error('once'), TOKEN)
  await story.report('delayed, started before', later)

  const first = await engine.add(ofType('first'), { attempts: 2, priority: 1 })
  await (await engine.take('first')).moveToFailed(new Error('once'), TOKEN)
  await story.report('prioritized, started before', first)

  const fails = await engine.add(ofType('fails'), { attempts: 2 })
  await (await engine.take('fails')).moveToFailed(new Error('once'), TOKEN)
  const last = await engine.take('fails')
  await last.moveToFailed(new Error('twice'), TOKEN)
  await story.report('failed', fails)
  await last.retry()
  await story.report('retried by hand', fails)

  const unrecoverable = await engine.add(ofType('unrecoverable'), { attempts: 2 })
  await (await engine.take('unrecoverable')).moveToFailed(new UnrecoverableError('never'), TOKEN)
  await story.report('unrecoverable', unrecoverable)

  const stalls = await engine.add(ofType('stalls'))
  await engine.take('stalls')
  await engine.loseWorker(stalls)
  await story.report('stalled', stalls)
  await engine.take('stalls')
  await engine.loseWorker(stalls)
  await story.report('stalled too often', stalls)
  await engine.run('stalls', async () => {})
  await story.report('stalled too often, and given up', stalls)

  const starts = await engine.add(ofType('starts'))
  await engine.take('starts')
  await engine.loseWorker(starts)
  await engine.run('starts', async () => {}, { maxStartedAttempts: 1 })
  await story.report('started too often', starts)

  const dependent = ofType('dependent')
  await engine.addWithFailingChild(dependent)
  await engine.run('dependent', async () => {})
  await story.report('never ran, because a job that it depends on failed', dependent)

  const steps = await engine.add(ofType('steps'))
  await (await engine.take('steps')).updateData({ step: 2 })
  await story.report('active, its data replaced', steps)

  const idle = await engine.add(ofType('idle'))
  await engine.cancel(idle)
  await story.report('cancelled while it waits', idle)
  await engine.run('idle', async () => {})
  await story.report('cancelled while it waits, and dropped by a worker', idle)

  const busy = await engine.add(ofType('busy'))
  const running = await engine.take('busy')
  await engine.cancel(busy)
  await story.report('cancelled while it runs', busy)
  await running.moveToCompleted(undefined, TOKEN, false)
  await story.report('cancelled while it runs, and completed', busy)

  const between = await engine.add(ofType('between'), { attempts: 3 })
  await (await engine.take('between')).moveToFailed(new Error('once'), TOKEN)
  await engine.cancel(between)
  await story.report('cancelled between two attempts', between)
  await engine.run('between', async () => {})
  await story.report('cancelled between two attempts, and dropped by a worker', between)

  const skewed = await engine.add(ofType('skewed'))
  await (await engine.take('skewed')).moveToCompleted(undefined, TOKEN, false)
  await engine.set(skewed, 'processedOn', Date.now() + HOUR)
  await story.report('completed on a machine whose clock is behind', skewed)

  const gone = await engine.add(ofType('gone'), { removeOnComplete: true })
  await (await engine.take('gone')).moveToCompleted('', TOKEN, false)
  await story.report('removed on completion', gone)

  const orphan = await engine.add(ofType('orphan'))
  const client = await engine.queue('orphan').getBackend().client
  await client.del(engine.queue('orphan').toKey('wait'))
  await story.report('in no list', orphan)

  for (const [what, thrown] of Object.entries(THROWN)) {
    const job = await engine.add(ofType('throws'))
    await engine.run('throws', async () => { throw thrown })
    await story.report(`threw ${what}`, job)
  }

  const text = await engine.add(ofType('text'))
  // eslint-disable-next-line no-throw-literal -- what workers do
  await engine.runPlain('text', async () => { throw 'The disk is full.' })
  await story.report('threw a text, in a worker without fabricProcessor', text)

  t.strictSame(story.reports, REPORTED)
})

const THROWN = {
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
  'a text': 'The disk is full.',
  nothing: undefined,
  'an object': { code: 507, message: 'The disk is full.' },
  'an Error': new Error('The disk is full.'),
  'an Error without a message': new Error(''),
  'an AggregateError without a message': new AggregateError([new Error('No memory.'), new Error('No disk.')], ''),
  'an Error with JSON for a message': new Error('{"code":507}')
}

const WORKER_LOST = {
  errorCode: 'JobWorkerLost',
  message: 'The job was lost: the worker that ran it stopped.',
  source: 'System',
  isPermanent: false
}

const REPORTED: Record<string, Report> = {
  'never added': { bullmq: 'unknown', ...NOT_THERE },
  waiting: { bullmq: 'waiting', ...NOT_STARTED },
  active: { bullmq: 'active', ...IN_PROGRESS },
  completed: { bullmq: 'completed', ...COMPLETED },
  removed: { bullmq: 'unknown', ...NOT_THERE },
  prioritized: { bullmq: 'prioritized', ...NOT_STARTED },
  delayed: { bullmq: 'delayed', ...NOT_STARTED },
  'waiting in a paused queue': { bullmq: 'waiting', ...NOT_STARTED },
  'waiting-children': { bullmq: 'waiting-children', ...NOT_STARTED },
  'waiting-children, started before': { bullmq: 'waiting-children', ...IN_PROGRESS },
  'waiting, started before': { bullmq: 'waiting', ...IN_PROGRESS },
  'active again': { bullmq: 'active', ...IN_PROGRESS },
  'completed at the second attempt, with nothing to return': { bullmq: 'completed', ...COMPLETED },
  'delayed, started before': { bullmq: 'delayed', ...IN_PROGRESS },
  'prioritized, started before': { bullmq: 'prioritized', ...IN_PROGRESS },
  failed: { bullmq: 'failed', ...jobFailed('twice') },
  'retried by hand': { bullmq: 'waiting', ...NOT_STARTED },
  unrecoverable: { bullmq: 'failed', ...jobFailed('never') },
  stalled: { bullmq: 'waiting', ...IN_PROGRESS },
  'stalled too often': { bullmq: 'waiting', ...IN_PROGRESS },
  'stalled too often, and given up': { bullmq: 'failed', ...abandoned(WORKER_LOST) },
  'started too often': {
    bullmq: 'failed',
    ...abandoned({
      errorCode: 'JobFailed', message: 'The job was started more often than it is allowed to.', source: 'System'
    })
  },
  'never ran, because a job that it depends on failed': {
    bullmq: 'failed',
    ...abandoned({ errorCode: 'JobFailed', message: 'A job that this job depends on failed.', source: 'System' })
  },
  'active, its data replaced': { bullmq: 'active', ...IN_PROGRESS },
  'cancelled while it waits': { bullmq: 'waiting', ...CANCELLED },
  'cancelled while it waits, and dropped by a worker': { bullmq: 'failed', ...CANCELLED },
  'cancelled while it runs': { bullmq: 'active', ...CANCELLED_AFTER_START },
  'cancelled while it runs, and completed': { bullmq: 'completed', ...CANCELLED_AFTER_START },
  'cancelled between two attempts': { bullmq: 'waiting', ...CANCELLED_AFTER_START },
  'cancelled between two attempts, and dropped by a worker': {
    bullmq: 'failed',
    ...state({ status: 'Cancelled', startTimeUtc: 'fabricStartedOn', endTimeUtc: 'fabricCancelledOn' })
  },
  'completed on a machine whose clock is behind': {
    bullmq: 'completed', ...state({ status: 'Completed', startTimeUtc: 'finishedOn', endTimeUtc: 'finishedOn' })
  },
  'removed on completion': { bullmq: 'unknown', ...NOT_THERE },
  'in no list': { bullmq: 'unknown', ...NOT_STARTED },
  'threw a WorkloadError': {
    bullmq: 'failed',
    ...failed({
      errorCode: 'SeriesTooShort',
      message: 'The series "sales" has 3 points; a forecast needs 12.',
      messageParameters: ['sales', '3', '12'],
      source: 'User',
      isPermanent: true,
      moreDetails: [{ errorCode: 'Points', message: '3 < 12', additionalParameters: [{ name: 'points', value: '3' }] }]
    })
  },
  'threw a text': { bullmq: 'failed', ...jobFailed('The disk is full.') },
  'threw a text, in a worker without fabricProcessor': {
    bullmq: 'failed', ...jobFailed('The job failed without a message.')
  },
  'threw nothing': { bullmq: 'failed', ...jobFailed('The job failed without a message.') },
  'threw an object': { bullmq: 'failed', ...jobFailed('The disk is full.') },
  'threw an Error': { bullmq: 'failed', ...jobFailed('The disk is full.') },
  'threw an Error without a message': { bullmq: 'failed', ...jobFailed('The job failed without a message.') },
  'threw an AggregateError without a message': { bullmq: 'failed', ...jobFailed('No memory.; No disk.') },
  'threw an Error with JSON for a message': { bullmq: 'failed', ...jobFailed('{"code":507}') }
}

t.test('the table of states has every state that the installed BullMQ knows', async (t) => {
  const bullmq = createRequire(import.meta.url).resolve('bullmq').replace(/dist.*$/, 'dist/esm/')
  const lua = readFileSync(`${bullmq}commands/getStateV2-8.lua`, 'utf8')
  const types = ['job-type', 'finished-status'].map((name) => readFileSync(`${bullmq}types/${name}.d.ts`, 'utf8')).join('')
  const unions = Array.from(types.matchAll(/type (?:JobState|FinishedStatus) = ([^;]+);/g), ([, union]) => union).join()
  const states = new Set([
    ...Array.from(lua.matchAll(/return "([\w-]+)"/g), ([, name]) => String(name)),
    ...unions.match(/(?<=')[\w-]+(?=')/g) ?? []
  ])
  t.equal(states.size, 8, [...states].join())

  const source = readFileSync(new URL('../../lib/engines/bullmq.ts', import.meta.url), 'utf8')
  const table = source.split('\n').filter((line) => line.startsWith(' * | ')).map((line) => line.split(' | ')[1]).join()
  for (const each of states) t.match(table, `\`${each}\``, each)
})

t.test('a job is found only for its tenant, workspace, item type, item and job type', { skip }, async (t) => {
  const engine = new Engine(t)
  const queue = engine.queue('forecasts')
  const fabric = new Poller(bullmqJobState(queue))
  const job = someJob()
  const add = (name: string, data: unknown, jobId: string) => queue.add(name, data, { jobId })
  await add('a', withOwner(job, CALLER, {}).data, job.jobInstanceId)
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'its owner')

  await checkOwner(t, fabric, job)

  for (const [what, data] of Object.entries({ 'no owner': {}, 'an invalid owner': { fabricJob: 1 }, 'no data': null })) {
    const bare = someJob()
    await add(what, data, bare.jobInstanceId)
    t.strictSame(await fabric.poll(bare), NOT_THERE, what)
  }
})

t.test('a job without a queue is 404', async (t) => {
  const fabric = new Poller(bullmqJobState(() => undefined))
  t.strictSame(await fabric.poll(someJob()), NOT_THERE)
})

t.test('the same job instance added twice is one job', { skip }, async (t) => {
  const engine = new Engine(t)
  const job = await engine.add(someJob())
  await engine.add({ ...job, jobInstanceId: job.jobInstanceId.toUpperCase() })
  t.equal(await engine.queue(job.jobType).getWaitingCount(), 1)
})

t.test('a poll is one command, on the key of the job', { skip }, async (t) => {
  const engine = new Engine(t)
  const queue = engine.queue('calculateForecast')
  const fabric = new Poller(bullmqJobState(queue))
  const job = await engine.add(someJob())

  const redis = new Redis(REDIS_URL)
  const monitor = await redis.monitor()
  const commands: string[][] = []
  const isOver = new Promise<void>((resolve) => monitor.on('monitor', (_time, command: string[]) => {
    if (command[1] === job.jobInstanceId) resolve()
    else if (command.some((part) => part.includes(queue.qualifiedName))) commands.push(command)
  }))
  await fabric.poll(job)
  await redis.ping(job.jobInstanceId)
  await isOver
  monitor.disconnect()
  await redis.quit()

  t.equal(commands.length, 1)
  t.strictSame(commands[0]?.slice(0, 2), ['hmget', queue.toKey(job.jobInstanceId)])
})

t.test('answers 503 while Redis is down, and the state as soon as it is back', { skip }, async (t) => {
  const proxy = new Proxy(REDIS_URL)
  await proxy.start()
  t.teardown(() => proxy.stop())
  const engine = new Engine(t, proxy.url)
  const queue = engine.queue('calculateForecast')
  const fabric = new Poller(bullmqJobState(queue))
  const impatient = new Poller(bullmqJobState(queue, { timeout: 100 }))
  const job = await engine.add(someJob())
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'before')
  const client = await queue.getBackend().client

  const lost = heard(client, 'reconnecting')
  await proxy.stop()
  await lost
  t.strictSame(await fabric.poll(job), ENGINE_DOWN, 'the connection is refused')
  t.strictSame(await fabric.poll(someJob()), ENGINE_DOWN, 'also for a job that does not exist')
  const back = heard(client, 'ready')
  await proxy.start()
  await back
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'back')

  proxy.silence()
  t.strictSame(await impatient.poll(job), ENGINE_DOWN, 'the connection is dumb')
  const backAgain = heard(client, 'ready')
  await proxy.stop()
  await proxy.start()
  await backAgain
  t.strictSame(await fabric.poll(job), NOT_STARTED, 'back again')
})

t.test('answers 503 before the first connection to Redis', async (t) => {
  const proxy = new Proxy(REDIS_URL)
  await proxy.start()
  await proxy.stop()
  const queue = new Queue('calculateForecast', { connection: { url: proxy.url } })
  queue.on('error', () => {})
  t.teardown(() => queue.close())
  t.strictSame(await new Poller(bullmqJobState(queue, { timeout: 50 })).poll(someJob()), ENGINE_DOWN)
})
