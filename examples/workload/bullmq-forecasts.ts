import { Queue, WaitingError, Worker, type Job } from 'bullmq'
import { bullmqJobs, fabricProcessor, type FabricJobContext } from 'fastify-fabric-job-state/bullmq'

import { calculateForecast, forecastData, JOB_TYPE, type ForecastPayload } from './forecast-job.js'

/** Ended jobs are kept for a week, in seconds. */
const KEPT = { age: 7 * 24 * 3_600 }

/** Forecasts, queued by BullMQ and run by whichever server has time. */
export class BullmqForecasts {
  /** Create, state and cancel, for `fabricJobs`. */
  readonly callbacks: ReturnType<typeof bullmqJobs>
  readonly #queue: Queue
  readonly #connection: { url: string, retryStrategy: (times: number) => number }
  readonly #stopping = new AbortController()
  #worker: Worker | undefined

  constructor (url: string) {
    // Milliseconds until a lost connection is tried again.
    this.#connection = { url, retryStrategy: (times) => Math.min(times * 50, 1_000) }
    this.#queue = new Queue(JOB_TYPE, { connection: this.#connection }).on('error', console.error)
    this.callbacks = bullmqJobs(this.#queue, {
      jobTypes: [JOB_TYPE],
      data: forecastData,
      options: () => ({ attempts: 3, removeOnComplete: KEPT, removeOnFail: KEPT })
    })
  }

  /** Takes jobs from the queue from now on. */
  async work (): Promise<void> {
    const worker = new Worker(JOB_TYPE, fabricProcessor(this.#queue, this.#run), {
      connection: this.#connection,
      concurrency: 10,
      // A job whose server died is given to another within 15 seconds, in milliseconds.
      lockDuration: 10_000,
      stalledInterval: 5_000,
      maxStalledCount: 5
    })
    worker.on('error', console.error)
    // Another server has these jobs now.
    worker.on('lockRenewalFailed', (ids) => { for (const id of ids) worker.cancelJob(id) })
    this.#worker = worker
    await worker.waitUntilReady()
  }

  /** A job in progress goes back to the queue. */
  async close (): Promise<void> {
    this.#stopping.abort()
    await this.#worker?.close()
    await this.#queue.close()
  }

  readonly #run = async (job: Job<ForecastPayload>, { signal }: FabricJobContext): Promise<unknown> => {
    const stopping = this.#stopping.signal
    try {
      return await calculateForecast(job.data, AbortSignal.any([signal, stopping]))
    } catch (error) {
      if (!stopping.aborted) throw error
      await job.moveToWait(job.token)
      throw new WaitingError()
    }
  }
}
