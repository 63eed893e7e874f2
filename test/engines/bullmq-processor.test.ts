import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

import { DelayedError, Queue, WaitingError, type Job, type Worker } from 'bullmq'
import t, { type Test } from 'tap'

import { bullmqJobs, fabricProcessor, type FabricJobHandler } from '../../lib/engines/bullmq.js'
import { WorkloadError } from '../../lib/index.js'
import { Engine, heard } from './bullmq-engine.js'
import { JobsHost } from './jobs-host.js'
import { someJob } from './polling.js'
import { Proxy, REDIS_URL, skipWithout } from './services.js'

const skip = await skipWithout('Redis', REDIS_URL)
const QUEUE = 'calculateForecast'

/** Counts events, and waits for their number. */
class Count {
  #count = 0
  readonly #waiting = new Map<number, () => void>()

  up (): void {
    this.#waiting.get(++this.#count)?.()
  }

  async reaches (count: number): Promise<void> {
    if (this.#count < count) await new Promise<void>((resolve) => this.#waiting.set(count, resolve))
  }
}

/** A server: it takes Fabric's calls and runs jobs. */
class Server {
  readonly engine: Engine
  readonly host: JobsHost
  readonly running = new Set<string>()
  readonly started: Count
  readonly aborted = new Map<string, number>()
  /** When each job did its latest work. */
  readonly worked = new Map<string, number>()
  readonly #finish = new AbortController()

  constructor (t: Test, prefix: string, started: Count) {
    this.started = started
    this.engine = new Engine(t, REDIS_URL, prefix)
    this.host = new JobsHost(bullmqJobs(this.engine.queue(QUEUE), { jobTypes: [QUEUE] }))
  }

  /** Takes half of the jobs, and works on each of them until it is cancelled or {@link finish} is called. */
  async start (concurrency: number): Promise<Worker> {
    const processor = fabricProcessor(this.engine.queue(QUEUE), this.#work)
    const worker = this.engine.worker(QUEUE, processor, { concurrency })
    worker.run().catch(() => {})
    await worker.waitUntilReady()
    return worker
  }

  finish (): void {
    this.#finish.abort()
  }

  readonly #work: FabricJobHandler<unknown, unknown> = async ({ id = '' }, { signal }) => {
    this.running.add(id)
    this.started.up()
    signal.addEventListener('abort', () => { this.aborted.set(id, performance.now()) })
    while (!this.#finish.signal.aborted) {
      await setTimeout(20, undefined, { signal })
      this.worked.set(id, performance.now())
    }
  }
}

t.test('jobs that are cancelled at another server do no work after two seconds, and the others complete', { skip }, async (t) => {
  const prefix = `test-${randomUUID()}`
  const [started, ended] = [new Count(), new Count()]
  const servers = [new Server(t, prefix, started), new Server(t, prefix, started)] as const
  const workers = await Promise.all(servers.map((server) => server.start(10)))
  const jobs = Array.from({ length: 20 }, () => someJob())
  for (const worker of workers) worker.on('completed', () => ended.up()).on('failed', () => ended.up())
  await Promise.all(jobs.map((job) => servers[0].host.create(job)))
  await started.reaches(20)

  const cancelled = jobs.slice(0, 10)
  const cancelledAt = performance.now()
  await Promise.all(cancelled.map(async (job) => {
    const [other] = servers.filter(({ running }) => !running.has(job.jobInstanceId))
    const answer = await other?.host.cancel(job)
    t.match(answer, { statusCode: 200, body: { status: 'Cancelled', startTimeUtc: /Z$/, endTimeUtc: /Z$/ } })
  }))
  await ended.reaches(10)
  for (const server of servers) server.finish()
  await ended.reaches(20)

  for (const { jobInstanceId } of cancelled) {
    const [server] = servers.filter(({ running }) => running.has(jobInstanceId))
    const aborted = Number(server?.aborted.get(jobInstanceId))
    t.ok(aborted - cancelledAt < 2_000, `its signal is aborted, after ${Math.round(aborted - cancelledAt)} ms`)
    t.ok(Number(server?.worked.get(jobInstanceId)) <= aborted, 'it does no work after that')
  }
  for (const job of jobs.slice(10)) {
    t.match(await servers[0].host.state(job), { statusCode: 200, body: { status: 'Completed' } })
  }
  const counts = await servers[0].engine.queue(QUEUE).getJobCounts('completed', 'failed', 'waiting', 'active')
  t.strictSame(counts, { completed: 10, failed: 10, waiting: 0, active: 0 })
  await Promise.all(workers.map((worker) => worker.close()))
})

const permanent = (isPermanent: boolean) =>
  new WorkloadError({ statusCode: 422, errorCode: 'SeriesTooShort', message: 'Too short.', source: 'User', isPermanent })

for (const [what, thrown, attempts] of [
  ['a permanent WorkloadError', permanent(true), 1],
  ['another WorkloadError', permanent(false), 3],
  ['an Error', new Error('The disk is full.'), 3],
  ['no Error', undefined, 3]
] as const) {
  t.test(`a job that throws ${what} is run ${attempts === 1 ? 'once' : 'as often as its attempts'}`, { skip }, async (t) => {
    const engine = new Engine(t)
    const job = await engine.add(someJob(), { attempts: 3 })
    let runs = 0
    for (let i = 0; i < attempts; i++) await engine.run(QUEUE, () => { runs++; throw thrown })
    t.equal(runs, attempts)
    t.equal(await engine.queue(QUEUE).getJobState(job.jobInstanceId), 'failed')
  })
}

t.test('a job that is cancelled while it runs is not tried again, whatever it throws', { skip }, async (t) => {
  const engine = new Engine(t)
  const job = await engine.add(someJob(), { attempts: 3 })
  await engine.run(QUEUE, async (_job, { signal }) => {
    await engine.cancel(job)
    await aborted(signal)
    throw new Error('The disk is full.')
  })
  t.equal(await engine.queue(QUEUE).getJobState(job.jobInstanceId), 'failed')
  t.equal((await engine.queue(QUEUE).getJob(job.jobInstanceId))?.failedReason, 'The job was cancelled.')
})

async function aborted (signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

t.test('a handler may move its job elsewhere, as in BullMQ', { skip }, async (t) => {
  const engine = new Engine(t)
  const job = await engine.add(someJob())
  const moves: Record<string, (job: Job) => Promise<Error>> = {
    delayed: async (job) => {
      await job.moveToDelayed(Date.now() + 3_600_000, job.token)
      return new DelayedError()
    },
    waiting: async (job) => {
      await job.moveToWait(job.token)
      return new WaitingError()
    }
  }
  for (const [state, move] of Object.entries(moves)) {
    const worker = engine.worker(QUEUE, fabricProcessor(engine.queue(QUEUE), async (job) => {
      isMoved.up()
      throw await move(job)
    }))
    const isMoved = new Count()
    const running = worker.run()
    await isMoved.reaches(1)
    await Promise.all([running, worker.close()])
    t.equal(await engine.queue(QUEUE).getJobState(job.jobInstanceId), state)
    if (state === 'delayed') await (await engine.queue(QUEUE).getJob(job.jobInstanceId))?.promote()
  }
})

t.test('the signal is aborted when the worker cancels the job', { skip }, async (t) => {
  const engine = new Engine(t)
  const job = someJob()
  await engine.addWithOwnerInData(job)
  const worker = engine.worker(QUEUE, fabricProcessor(engine.queue(QUEUE), async (job, { signal, activityId }) => {
    t.equal(activityId, undefined, 'no request of Fabric created it')
    worker.cancelJob(String(job.id))
    await aborted(signal)
  }))
  const running = worker.run()
  await once(worker, 'completed')
  await Promise.all([running, worker.close()])
  t.equal(await engine.queue(QUEUE).getJobState(job.jobInstanceId), 'completed')
})

/** A worker with a direct connection, and a queue whose connection goes through a proxy. */
async function proxied (t: Test): Promise<{ proxy: Proxy, engine: Engine, queue: Queue }> {
  const proxy = new Proxy(REDIS_URL)
  await proxy.start()
  const prefix = `test-${randomUUID()}`
  const engine = new Engine(t, REDIS_URL, prefix)
  const queue = new Queue(QUEUE, { connection: { url: proxy.url, retryStrategy: () => 10 }, prefix })
  queue.on('error', () => {})
  t.teardown(async () => {
    await queue.close()
    await proxy.stop()
  })
  await queue.waitUntilReady()
  return { proxy, engine, queue }
}

t.test('a job is not run before Redis has answered whether it is cancelled', { skip }, async (t) => {
  const { proxy, engine, queue } = await proxied(t)
  const [cancelled, other] = [await engine.add(someJob()), await engine.add(someJob())]
  await engine.cancel(cancelled)
  const client = await queue.getBackend().client
  const lost = heard(client, 'reconnecting')
  await proxy.stop()
  await lost

  const ran: unknown[] = []
  const worker = engine.worker(QUEUE, fabricProcessor(queue, ({ id }) => { ran.push(id) }))
  const running = worker.run()
  await once(worker, 'active')
  await proxy.start()
  await once(worker, 'completed')
  await Promise.all([running, worker.close()])
  t.strictSame(ran, [other.jobInstanceId])
})

t.test('a cancellation is noticed after the connection was lost', { skip }, async (t) => {
  const { proxy, engine, queue } = await proxied(t)
  const job = await engine.add(someJob())
  const client = await queue.getBackend().client
  const worker = engine.worker(QUEUE, fabricProcessor(queue, async (_job, { signal }) => {
    const lost = heard(client, 'reconnecting')
    await proxy.stop()
    await lost
    await engine.cancel(job)
    // Longer than the time between two looks.
    await setTimeout(1_500)
    await proxy.start()
    await aborted(signal)
  }))
  const running = worker.run()
  await once(worker, 'completed')
  await Promise.all([running, worker.close()])
  t.pass('the signal is aborted')
})

t.test('a job fails when its queue is closed', { skip }, async (t) => {
  const { engine, queue } = await proxied(t)
  const job = await engine.add(someJob())
  const worker = engine.worker(QUEUE, fabricProcessor(queue, () => {}))
  await queue.close()
  const running = worker.run()
  await once(worker, 'failed')
  await Promise.all([running, worker.close()])
  t.equal(await engine.queue(QUEUE).getJobState(job.jobInstanceId), 'failed')
})
