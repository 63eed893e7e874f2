import type { SendOptions } from 'pg-boss'

import type { CreateItemJobInstanceRequest } from '../../schemas/index.js'
import type { CancelJobInstance, CreateJobInstance, JobInstance, JobStateResolver } from '../callbacks.js'
import { askEngine, type EngineOptions } from './ask-engine.js'
import { unknownJobType } from './failures.js'
import { checkJobType, creationPayload, type EngineJobsOptions } from './job-options.js'
import { ownerOf } from './owner.js'
import { storedJobState } from './pg-boss-state.js'
import {
  cancelStoredJob, checkBoss, createStoredJob, findStoredJob, type PgBossReader, type PgBossSender
} from './pg-boss-store.js'

export type { EngineOptions } from './ask-engine.js'
export type { FabricJobContext } from './job-context.js'
export type { EngineJobsOptions } from './job-options.js'
export { stampJob, withOwner, type OwnedData, type Owner } from './owner.js'
export type { PgBossReader, PgBossSender } from './pg-boss-store.js'
export { fabricWork, type FabricJobHandler, type FabricWorkOptions, type PgBossWorker } from './pg-boss-work.js'

/** Options of {@link pgBossJobState}. */
export interface PgBossJobStateOptions extends EngineOptions {
  /**
   * Names the queue of a job; `undefined` means that there is none: a create is 400 `UnknownJobType` then, the others are
   * 404.
   * @default the job type, if pg-boss accepts it as a name: ASCII letters, digits and `_ . - /`
   */
  queue?: (job: JobInstance) => string | undefined
}

/** Options of {@link pgBossJobs}. */
export interface PgBossJobsOptions extends EngineJobsOptions, PgBossJobStateOptions {
  /**
   * Makes the data that the worker gets. What it throws is answered as what a callback of `fabricJobs` throws.
   * @default the request's `creationPayload`, or `{}`
   */
  data?: (job: JobInstance, request: CreateItemJobInstanceRequest) => object
  /**
   * Makes pg-boss's options of the job, such as `priority`, `singletonKey` and `expireInSeconds` (15 minutes by default);
   * the `id` is always the job instance's. Let `deleteAfterSeconds` keep jobs for an hour or more: Fabric asks once a minute,
   * and a create that is repeated after the job has been deleted is a new job.
   * @default none
   */
  options?: (job: JobInstance, request: CreateItemJobInstanceRequest) => Omit<SendOptions, 'id' | 'db'>
}

/**
 * The three callbacks of `fabricJobs` over [pg-boss](https://github.com/timgit/pg-boss), which keeps jobs in PostgreSQL.
 *
 * **Create** sends a job whose id is the job instance's. A queue that does not exist is created, with pg-boss's defaults;
 * create it yourself, before, to choose its policy and its options. The owner (tenant, workspace, item type, item, job type)
 * and the `ActivityId` are stored in the column `trace_context`, in the same statement as the job: no job is without an owner,
 * and `boss.update` does not touch it. The same create again, or several at once, is one job and 202 each time. 409
 * `JobNotAccepted` if pg-boss did not take the job because of the queue's policy (`short`, `stately`, `exclusive`),
 * `singletonKey` or `singletonSeconds`, or if a job of that id has another owner.
 *
 * **State** is {@link pgBossJobState}.
 *
 * **Cancel** cancels the job if it has this owner and has not ended, in one statement, and returns the state after that. A
 * worker that is registered with {@link fabricWork} aborts the `signal` of a job that runs.
 *
 * While PostgreSQL is down the response is 503 `EngineUnavailable`: at once if the connection is refused, else after `timeout`. Listen to the `error` event of the
 * boss: it reports lost connections.
 *
 * @param boss the boss; it may be started later, until then the answers are 503
 * @throws {TypeError} if an option is invalid, or the boss is not a `PgBoss` of pg-boss 12.38 or newer.
 *
 * @example
 * const boss = new PgBoss(process.env.DATABASE_URL)
 * boss.on('error', (error) => app.log.error(error))
 * await boss.start()
 * await app.register(fabricJobs, { authentication, ...pgBossJobs(boss, { jobTypes: ['calculateForecast'] }) })
 * await fabricWork(boss, 'calculateForecast', {}, ({ data }, { signal }) => calculateForecast(data, signal))
 */
export function pgBossJobs (
  boss: PgBossSender, options: PgBossJobsOptions
): { createJobInstance: CreateJobInstance, resolveJobState: JobStateResolver, cancelJobInstance: CancelJobInstance } {
  const { jobTypes, queue = jobTypeAsQueue, data = creationPayload, options: jobOptions } = options
  const checkType = checkJobType(jobTypes)
  if (queue === jobTypeAsQueue) checkQueueNames(jobTypes)
  const resolveJobState = pgBossJobState(boss, options)
  const ask = askEngine(options)

  return {
    createJobInstance: async (job, request, { caller, activityId, log }) => {
      checkType(job)
      const name = queue(job)
      if (name === undefined) throw unknownJobType(job)
      const origin = { fabricJob: ownerOf(job, caller), fabricActivityId: activityId }
      const payload = data(job, request)
      const sendOptions = { ...jobOptions?.(job, request) }
      await ask(() => createStoredJob(boss, { queue: name, id: job.jobInstanceId }, payload, sendOptions, origin), log)
    },
    resolveJobState,
    cancelJobInstance: async (job, { caller, log }) => {
      const name = queue(job)
      if (name === undefined) return null
      const cancelled = await ask(
        () => cancelStoredJob(boss, { queue: name, id: job.jobInstanceId }, ownerOf(job, caller)), log)
      return cancelled === undefined ? null : storedJobState(cancelled)
    }
  }
}

/**
 * A resolver over [pg-boss](https://github.com/timgit/pg-boss), which keeps jobs in PostgreSQL. The job's id is Fabric's
 * `jobInstanceId`, and its owner is stored with it by {@link pgBossJobs}, or in its data by {@link withOwner}; a job without an
 * owner, or with another one than the request's, is not found.
 *
 * | state in pg-boss | meaning | status | startTimeUtc | endTimeUtc |
 * | --- | --- | --- | --- | --- |
 * | `created` | waits for a worker, for its time (`startAfter`), or for the jobs that it depends on (blocked) | NotStarted | | |
 * | `created`, started before | cancelled after it had started, then resumed | InProgress | started_on | |
 * | `active` | a worker has it; or had it and died, until pg-boss notices (`heartbeatSeconds`, `expireInSeconds`) | InProgress | started_on | |
 * | `retry` | between two attempts: it failed, expired or lost its worker, and will be tried again | InProgress | started_on | |
 * | `retry`, never started | failed by hand before any worker had it | NotStarted | | |
 * | `completed` | | Completed | started_on | completed_on |
 * | `cancelled` | | Cancelled | started_on | completed_on |
 * | `failed` | no attempt is left; its copy in a dead letter queue, and what is redriven from there, are other jobs with other ids | Failed | started_on | completed_on |
 * | no such row | never sent, deleted, or removed by retention (`deleteAfterSeconds`, 7 days; `retentionSeconds`, 14 days) | 404 | | |
 *
 * pg-boss has no paused queues: a job that no worker takes stays `created`. It keeps only the start of the latest attempt,
 * so the start time of a job that is tried again moves.
 *
 * pg-boss stores what the worker threw: a `WorkloadError` with its code, message, source and details, anything else with its
 * message. A job that ran longer than `expireInSeconds` has the code `JobTimedOut`; one whose server stopped or died has
 * `JobWorkerLost`.
 *
 * A poll is one query: the job's row by its primary key, with the owner as a condition. PostgreSQL's driver cannot cancel a
 * query, so `signal` is not used; `timeout` bounds the wait.
 *
 * **A third engine** is one more file like this one and its neighbour:
 * 1. find out which states the engine knows, in its sources, and write the table above for them;
 * 2. where the owner is stored so that no worker can replace it;
 * 3. the three callbacks, each operation run through `askEngine`, the owner checked in the engine's own operation;
 * 4. the state: a job that will be tried again is not Failed, one that has begun is not NotStarted;
 * 5. how the engine stores what a worker threw, given to `toErrorDetails`;
 * 6. the worker's side: one job and a `signal` that is aborted when the job is cancelled on any server;
 * 7. the engine as an optional peer dependency, imported as types only; an entry under `exports`;
 * 8. the same tests: each state reached for real, the owner, the engine down and back.
 *
 * @throws {TypeError} if an option is invalid, or the boss is not a `PgBoss` of pg-boss 12.38 or newer.
 *
 * @example
 * await app.register(fabricJobState, { resolveJobState: pgBossJobState(boss), authentication })
 */
export function pgBossJobState (boss: PgBossReader, options: PgBossJobStateOptions = {}): JobStateResolver {
  checkBoss(boss)
  const { queue = jobTypeAsQueue } = options
  const ask = askEngine(options)

  return async (job, { caller, log }) => {
    const name = queue(job)
    if (name === undefined) return null
    const found = await ask(() => findStoredJob(boss, { queue: name, id: job.jobInstanceId }, ownerOf(job, caller)), log)
    return found === undefined ? null : storedJobState(found)
  }
}

const QUEUE_NAME = /^[\w.\-/]+$/

function jobTypeAsQueue ({ jobType }: Pick<JobInstance, 'jobType'>): string | undefined {
  return QUEUE_NAME.test(jobType) ? jobType : undefined
}

function checkQueueNames (jobTypes: readonly string[]): void {
  const invalid = jobTypes.find((jobType) => jobTypeAsQueue({ jobType }) === undefined)
  if (invalid !== undefined) {
    throw new TypeError(
      `fastify-fabric-job-state: pg-boss cannot use the job type "${invalid}" as the name of a queue; set the option queue.`)
  }
}
