import { randomUUID } from 'node:crypto'
import { once } from 'node:events'

import { FlowProducer, Queue, Worker, type Job, type JobsOptions, type Processor, type WorkerOptions } from 'bullmq'
import type { Test } from 'tap'

import {
  bullmqJobs, fabricProcessor, withOwner, type BullmqJobsOptions, type FabricJobHandler
} from '../../lib/engines/bullmq.js'
import type { JobInstance } from '../../lib/index.js'
import { JobsHost } from './jobs-host.js'
import { CALLER } from './polling.js'
import { REDIS_URL } from './services.js'

const JOB_TYPES = ['calculateForecast']

/** The lock token of jobs that a test takes without a worker. */
export const TOKEN = 'worker'

/** BullMQ under a separate prefix, which is removed after the test, with one queue for each job type. */
export class Engine {
  readonly #options: { connection: { url: string }, prefix: string }
  readonly #queues = new Map<string, Queue>()
  readonly #closers: Array<() => Promise<void>> = []

  constructor (t: Test, url = REDIS_URL, prefix = `test-${randomUUID()}`) {
    // A lost connection is tried again at once, and not after BullMQ's second.
    const connection = { url, retryStrategy: () => 10 }
    this.#options = { connection, prefix }
    t.teardown(() => this.#clear())
  }

  queue (jobType: string): Queue {
    const queue = this.#queues.get(jobType) ?? new Queue(jobType, this.#options).on('error', () => {})
    this.#queues.set(jobType, queue)
    return queue
  }

  worker (jobType: string, processor: Processor | null, options: Partial<WorkerOptions> = {}): Worker {
    const worker = new Worker(jobType, processor, {
      ...this.#options, autorun: false, skipStalledCheck: true, maxStalledCount: 1, ...options
    })
    this.#closers.push(() => worker.close(true))
    return worker.on('error', () => {})
  }

  flow (): FlowProducer {
    const flow = new FlowProducer(this.#options)
    this.#closers.push(() => flow.close())
    return flow
  }

  /** All three callbacks, over the queue of each job type. */
  callbacks (options: Partial<BullmqJobsOptions> = {}): ReturnType<typeof bullmqJobs> {
    return bullmqJobs(({ jobType }) => this.queue(jobType), { jobTypes: JOB_TYPES, ...options })
  }

  /** Creates a job as Fabric does. */
  async add (job: JobInstance, options: JobsOptions = {}): Promise<JobInstance> {
    const host = new JobsHost(this.callbacks({ jobTypes: [job.jobType], options: () => options }))
    const { statusCode, body } = await host.create(job)
    if (statusCode !== 202) throw new Error(JSON.stringify(body))
    return job
  }

  /** Cancels a job as Fabric does. */
  async cancel (job: JobInstance): Promise<void> {
    const { statusCode, body } = await new JobsHost(this.callbacks()).cancel(job)
    if (statusCode !== 200) throw new Error(JSON.stringify(body))
  }

  /** Adds a job as a host with its own routes does: the owner is in the data. */
  async addWithOwnerInData (job: JobInstance): Promise<void> {
    const { id, data } = withOwner(job, CALLER, {})
    await this.queue(job.jobType).add(job.jobType, data, { jobId: id })
  }

  /** Adds a job that waits for a child, which fails. */
  async addWithFailingChild (job: JobInstance): Promise<void> {
    const { id, data } = withOwner(job, CALLER, {})
    const { name } = this.queue(`child of ${job.jobType}`)
    const child = { name, queueName: name, opts: { failParentOnFailure: true } }
    await this.flow().add({ name: job.jobType, queueName: job.jobType, data, opts: { jobId: id }, children: [child] })
    await this.run(name, () => { throw new Error('The child failed.') })
  }

  /** Overwrites a field of the job's hash. */
  async set ({ jobType, jobInstanceId }: JobInstance, field: string, value: number): Promise<void> {
    const queue = this.queue(jobType)
    const client = await queue.getBackend().client
    await client.hset(queue.toKey(jobInstanceId), { [field]: value })
  }

  /** A worker runs the next job to its end. */
  async run (
    jobType: string, handler: FabricJobHandler<unknown, unknown>, options: Partial<WorkerOptions> = {}
  ): Promise<void> {
    await this.runPlain(jobType, fabricProcessor(this.queue(jobType), handler), options)
  }

  /** The same with a processor as BullMQ has it. */
  async runPlain (jobType: string, processor: Processor, options: Partial<WorkerOptions> = {}): Promise<void> {
    const worker = this.worker(jobType, processor, options)
    const isOver = Promise.race([once(worker, 'completed'), once(worker, 'failed')])
    await Promise.all([worker.run(), isOver.then(() => worker.close())])
  }

  /** Takes the next job as a worker does, and does not end it. */
  async take (jobType: string): Promise<Job> {
    const job = await this.worker(jobType, null).getNextJob(TOKEN, { block: false })
    if (job === undefined) throw new Error(`no job in ${jobType}`)
    return job
  }

  /** The worker of the job dies, and BullMQ notices. */
  async loseWorker ({ jobType, jobInstanceId }: JobInstance): Promise<void> {
    const queue = this.queue(jobType)
    const client = await queue.getBackend().client
    const backend = this.worker(jobType, null).getBackend()
    await client.del(queue.toKey(`${jobInstanceId}:lock`))
    const check = async () => {
      await client.del(queue.toKey('stalled-check'))
      await backend.moveStalledJobsToWait()
    }
    // The first check marks a job, the second finds the mark.
    await check()
    await check()
  }

  async #clear (): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()))
    for (const queue of this.#queues.values()) {
      await queue.obliterate({ force: true })
      // That leaves the jobs that are in no list.
      await queue.getBackend().removeOrphanedJobs()
      await queue.close()
    }
  }
}

/** Resolves at the next event of this name, also if the emitter has an `error` before. */
export function heard (client: { once (event: string, listener: () => void): unknown }, event: string): Promise<void> {
  return new Promise((resolve) => client.once(event, resolve))
}
