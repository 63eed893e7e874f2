import { setTimeout } from 'node:timers/promises'

import type { Job, JobResult, PgBoss, WorkOptions } from 'pg-boss'

import { WorkloadError } from '../errors/workload-error.js'
import type { FabricJobContext } from './job-context.js'
import { storableOutput } from './pg-boss-output.js'
import { activeJobs, checkBoss, type PgBossReader } from './pg-boss-store.js'

/** The methods of a `PgBoss` that {@link fabricWork} needs. */
export type PgBossWorker = PgBossReader & Pick<PgBoss, 'createQueue' | 'work'>

/** pg-boss's options of a worker, but for those that {@link fabricWork} sets. */
export type FabricWorkOptions = Omit<WorkOptions, 'batchSize' | 'includeMetadata' | 'perJobResults' | 'transactional' | 'transactionTimeoutSeconds'>

/** Does the work of one job; what it throws fails the job. */
export type FabricJobHandler<Data, Result> = (job: Job<Data>, context: FabricJobContext) => Result | Promise<Result>

/**
 * Registers a worker of pg-boss (`boss.work`) that gives one job at a time to the handler; `localConcurrency` sets how many
 * run at once in this process. A queue that does not exist is created.
 *
 * - PostgreSQL is asked once a second whether the jobs that run in this process are still active: `signal` is aborted
 *   when a job was cancelled, on whichever server, or was given to another worker. pg-boss aborts it when the job runs longer
 *   than `expireInSeconds` and when `boss.stop` ends its grace period.
 * - A job that fails with a `WorkloadError` that `isPermanent` is not tried again; if its queue has a dead letter queue, a
 *   copy goes there, as for any job that has no attempt left.
 *
 * @param boss the started boss
 * @param queue the queue that the jobs are sent to: the job type, unless the option `queue` of `pgBossJobs` names another
 * @returns pg-boss's id of the worker
 * @throws {TypeError} if the boss is not a `PgBoss` of pg-boss 12.38 or newer.
 *
 * @example
 * await fabricWork(boss, 'calculateForecast', { localConcurrency: 10 }, async ({ data }, { signal }) => forecast(data, signal))
 */
export async function fabricWork<Data extends object = Record<string, unknown>, Result = unknown> (
  boss: PgBossWorker, queue: string, options: FabricWorkOptions, handler: FabricJobHandler<Data, Result>
): Promise<string> {
  checkBoss(boss)
  // Does nothing where the queue exists.
  await boss.createQueue(queue)
  const running = new RunningJobs(boss, queue)

  const attempt = async (job: Job<Data>, claim: AbortController): Promise<JobResult> => {
    try {
      const activityId = await running.add(job, claim)
      claim.signal.throwIfAborted()
      const signal = AbortSignal.any([job.signal, claim.signal])
      return { id: job.id, status: 'completed', output: storableOutput(await handler(job, { signal, activityId })) }
    } catch (error) {
      // pg-boss's `deadletter` is the end of all attempts, also where the queue has no dead letter queue.
      return { id: job.id, status: isPermanent(error) ? 'deadletter' : 'failed', output: storableOutput(error) }
    }
  }
  const run = (job: Job<Data>): Promise<JobResult> => {
    const claim = new AbortController()
    return attempt(job, claim).finally(() => running.remove(claim))
  }
  const work = { ...options, batchSize: 1, perJobResults: true } as const
  return await boss.work<Data>(queue, work, (jobs: Array<Job<Data>>) => Promise.all(jobs.map(run)))
}

function isPermanent (error: unknown): boolean {
  return error instanceof WorkloadError && error.isPermanent === true
}

/** Milliseconds between two looks at the jobs that run in this process. */
const INTERVAL = 1_000

/** The jobs that run in this process, each with what is aborted when it is no longer active. */
class RunningJobs {
  readonly #boss: PgBossReader
  readonly #queue: string
  readonly #jobs = new Map<AbortController, Pick<Job, 'id' | 'retryCount'>>()
  #isLooking = false

  constructor (boss: PgBossReader, queue: string) {
    this.#boss = boss
    this.#queue = queue
  }

  /**
   * Aborts the claim when the job is no longer active, until {@link remove}; at once if it is not active now.
   *
   * @returns the `ActivityId` of the request that created the job
   */
  async add (job: Pick<Job, 'id' | 'retryCount'>, claim: AbortController): Promise<string | undefined> {
    this.#jobs.set(claim, job)
    const activityIds = await this.#look([[claim, job]])
    if (!this.#isLooking) this.#lookOn()
    return activityIds[0] ?? undefined
  }

  remove (claim: AbortController): void {
    this.#jobs.delete(claim)
  }

  async #lookOn (): Promise<void> {
    this.#isLooking = true
    while (this.#jobs.size > 0) {
      await setTimeout(INTERVAL, undefined, { ref: false })
      // While PostgreSQL is down nothing is known; the next look finds out.
      await this.#look(Array.from(this.#jobs)).catch(() => {})
    }
    this.#isLooking = false
  }

  async #look (jobs: Array<[AbortController, Pick<Job, 'id' | 'retryCount'>]>): Promise<Array<string | null>> {
    const active = await activeJobs(this.#boss, this.#queue, jobs.map(([, { id }]) => id))
    return jobs.map(([claim, { id, retryCount }]) => {
      const found = active.find((job) => job.id === id && job.retryCount === retryCount)
      if (found === undefined) claim.abort(new Error('The job was cancelled, or is no longer this worker\'s.'))
      return found?.activityId ?? null
    })
  }
}
