import { Queue, WaitingError, Worker, type Job } from 'bullmq'
import type { Caller, JobInstance } from 'fastify-fabric-job-state'
import { cancelJob, fabricProcessor, stampJob } from 'fastify-fabric-job-state/bullmq'

import { calculateForecast, checkJobType, JOB_TYPE, type ForecastPayload } from './forecast-job.js'
import type { Jobs } from './job-routes.js'

/** Finished jobs are kept for a week, in seconds. */
const KEPT = { age: 7 * 24 * 3_600 }

/** Forecasts, queued by BullMQ and run by whichever server has time. */
export class BullmqForecasts implements Jobs {
  readonly queue: Queue
  readonly #connection: { url: string, retryStrategy: (times: number) => number }
  readonly #stopping = new AbortController()
  #worker: Worker | undefined

  constructor (url: string) {
    // Milliseconds until a lost connection is tried again.
    this.#connection = { url, retryStrategy: (times) => Math.min(times * 50, 1_000) }
    this.queue = new Queue(JOB_TYPE, { connection: this.#connection }).on('error', console.error)
  }

  async start (job: JobInstance, caller: Caller | undefined, payload: ForecastPayload): Promise<void> {
    checkJobType(job.jobType)
    const { id, data } = stampJob(job, caller, payload)
    // BullMQ takes an id once: a job that Fabric starts twice runs once.
    await this.queue.add(JOB_TYPE, data, { jobId: id, removeOnComplete: KEPT, removeOnFail: KEPT })
  }

  async cancel ({ jobInstanceId }: JobInstance): Promise<void> {
    const id = jobInstanceId.toLowerCase()
    if (await cancelJob(this.queue, id)) this.#worker?.cancelJob(id)
  }

  /** Takes jobs from the queue from now on. */
  async work (): Promise<void> {
    this.#worker = new Worker(JOB_TYPE, fabricProcessor(this.queue, this.#run), {
      connection: this.#connection,
      concurrency: 10,
      // A job whose server died is given to another within 15 seconds, in milliseconds.
      lockDuration: 10_000,
      stalledInterval: 5_000,
      maxStalledCount: 5
    }).on('error', console.error)
    await this.#worker.waitUntilReady()
  }

  /** A job in progress goes back to the queue. */
  async close (): Promise<void> {
    this.#stopping.abort()
    await this.#worker?.close()
    await this.queue.close()
  }

  readonly #run = async (job: Job<ForecastPayload>, token?: string, signal?: AbortSignal): Promise<unknown> => {
    const stopping = this.#stopping.signal
    try {
      return await calculateForecast(job.data, signal === undefined ? stopping : AbortSignal.any([signal, stopping]))
    } catch (error) {
      if (!stopping.aborted) throw error
      await job.moveToWait(token)
      throw new WaitingError()
    }
  }
}
