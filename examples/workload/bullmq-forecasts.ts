import { once } from 'node:events'

import { Queue, WaitingError, Worker, type Job } from 'bullmq'
import type { FastifyBaseLogger } from 'fastify'
import { bullmqJobs, fabricProcessor, type FabricJobContext } from 'fastify-fabric-job-state/bullmq'

import { calculateForecast, forecastData, JOB_TYPE, type ForecastPayload } from './forecast-job.js'
import { logRun } from './job-log.js'
import { SettingError } from './settings.js'

/** Ended jobs are kept for a week, in seconds. */
const KEPT = { age: 7 * 24 * 3_600 }

/** Forecasts, queued by BullMQ and run by whichever server has time. */
export class BullmqForecasts {
  /** Create, state and cancel, for `fabricJobs`. */
  readonly callbacks: ReturnType<typeof bullmqJobs>
  readonly #queue: Queue
  readonly #connection: { url: string, retryStrategy: (times: number) => number }
  readonly #log: FastifyBaseLogger
  readonly #stopping = new AbortController()
  #worker: Worker | undefined

  constructor (url: string, log: FastifyBaseLogger) {
    this.#log = log
    // Milliseconds until a lost connection is tried again.
    this.#connection = { url, retryStrategy: (times) => Math.min(times * 50, 1_000) }
    this.#queue = new Queue(JOB_TYPE, { connection: this.#connection }).on('error', this.#logError)
    this.callbacks = bullmqJobs(this.#queue, {
      jobTypes: [JOB_TYPE],
      data: forecastData,
      options: () => ({ attempts: 3, removeOnComplete: KEPT, removeOnFail: KEPT })
    })
  }

  /** Rejects if Redis answers with an error; while Redis cannot be reached, it waits. */
  ask (): Promise<unknown> {
    return this.#queue.isPaused()
  }

  /**
   * Takes jobs from the queue from now on.
   *
   * @throws {SettingError} if Redis refuses the first connection.
   */
  async work (): Promise<void> {
    const refusal = once(this.#queue, 'error').then(([{ message, code }]) => {
      throw new SettingError(`REDIS_URL must lead to a Redis that the server may use: ${message || code}.`)
    })
    await Promise.race([this.ask(), refusal])
    const worker = new Worker(JOB_TYPE, fabricProcessor(this.#queue, this.#run), {
      connection: this.#connection,
      concurrency: 10,
      // A job whose server died is given to another within 15 seconds, in milliseconds.
      lockDuration: 10_000,
      stalledInterval: 5_000,
      maxStalledCount: 5
    })
    this.#worker = worker.on('error', this.#logError)
    // Another server has these jobs now.
    worker.on('lockRenewalFailed', (ids) => { for (const id of ids) worker.cancelJob(id) })
    await worker.waitUntilReady()
  }

  /** A job in progress goes back to the queue. */
  async close (): Promise<void> {
    this.#stopping.abort(new Error('The server is stopping.'))
    await this.#worker?.close()
    await this.#queue.close()
  }

  readonly #logError = (error: Error): void => {
    // `work` reports that the first connection failed.
    if (this.#worker !== undefined) this.#log.error(error)
  }

  readonly #run = async (job: Job<ForecastPayload>, context: FabricJobContext): Promise<unknown> => {
    const stopping = this.#stopping.signal
    const signal = AbortSignal.any([context.signal, stopping])
    try {
      return await logRun(this.#log, job.id, { ...context, signal }, () => calculateForecast(job.data, signal))
    } catch (error) {
      if (!stopping.aborted) throw error
      await job.moveToWait(job.token)
      throw new WaitingError()
    }
  }
}
