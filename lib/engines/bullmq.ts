import type { JobsOptions, Queue } from 'bullmq'

import type { JobInstance, JobStateResolver } from '../job-state-resolver.js'
import { isUuid } from '../subject-and-app/uuid.js'
import type { EngineOptions } from './ask-engine.js'
import {
  cancelStoredJob, isStoredJobOwnedBy, readStoredJob, storedJobState, type OwnedJobOptions
} from './bullmq-stored-job.js'
import { stampOf } from './job-stamp.js'
import { jobNotAccepted, servedJobTypes, unknownJobType, type CancelJobInstance, type CreateItemJobInstanceRequest, type CreateJobInstance } from './bullmq-provisional.js'
import { askRedis, queueFinder, type BullmqReader, type RedisClient } from './bullmq-queue.js'

export type { EngineOptions } from './ask-engine.js'
export { fabricProcessor, type FabricJobContext, type FabricJobHandler } from './bullmq-processor.js'
export type { BullmqReader } from './bullmq-queue.js'
export { stampJob, type JobStamp, type Stamped } from './job-stamp.js'

/** Options of {@link bullmqJobState}. */
export interface BullmqJobStateOptions extends EngineOptions {}

/** The methods of a `Queue` that {@link bullmqJobs} needs. */
export type BullmqQueue = BullmqReader & Pick<Queue, 'add' | 'defaultJobOptions'>

/** Options of {@link bullmqJobs}. */
export interface BullmqJobsOptions extends EngineOptions {
  /** The job types that are served; a create of any other is 400 `UnknownJobType`. */
  jobTypes: readonly string[]
  /**
   * Makes the data that the worker gets. What it throws is answered as what a callback of `fabricJobs` throws.
   * @default the request's `creationPayload`, or `{}`
   */
  data?: (job: JobInstance, request: CreateItemJobInstanceRequest) => unknown
  /**
   * Makes BullMQ's options of the job, such as `attempts`, `priority` and `deduplication`; `jobId` is always the job
   * instance's id. Let `removeOnComplete` and `removeOnFail` keep jobs for an hour or more: Fabric asks once a minute, and
   * a create that is repeated after the job has been removed is a new job.
   * @default none
   */
  options?: (job: JobInstance, request: CreateItemJobInstanceRequest) => JobsOptions
}

/**
 * The three callbacks of `fabricJobs` over [BullMQ](https://docs.bullmq.io), which keeps jobs in Redis.
 *
 * **Create** adds a job whose id is the job instance's and whose name is the job type. The owner (tenant, workspace, item
 * type, item, job type) is stored in the job's options, in the same command as the job: no job is without an owner, and
 * `job.updateData` does not touch it. The same create again, or several at once, is one job and 202 each time. 409
 * `JobNotAccepted` if BullMQ ignored the job because of `deduplication`, or if a job of that id has another owner.
 *
 * **State** is {@link bullmqJobState}.
 *
 * **Cancel** marks the job as cancelled if it has this owner and has not ended, in one script, and returns the state after
 * that. BullMQ cannot cancel a job that another process runs: a worker that is made with {@link fabricProcessor} does not
 * run a cancelled job, and aborts the `signal` of one that runs.
 *
 * Redis away is 503 `EngineUnavailable` at once where that is known, else after `timeout`.
 *
 * @param queue the queue, or what finds it for a job; `undefined` means that there is none
 * @throws {TypeError} if an option is invalid, or the queue is not one of BullMQ 6 on Redis.
 *
 * @example
 * const queue = new Queue('forecasts', { connection })
 * await app.register(fabricJobs, { authentication, ...bullmqJobs(queue, { jobTypes: ['calculateForecast'] }) })
 */
export function bullmqJobs (
  queue: BullmqQueue | ((job: JobInstance) => BullmqQueue | undefined), options: BullmqJobsOptions
): { createJobInstance: CreateJobInstance, resolveJobState: JobStateResolver, cancelJobInstance: CancelJobInstance } {
  const queueOf = queueFinder(queue)
  const { jobTypes, data = creationPayload, options: jobOptions } = options
  const served = servedJobTypes(jobTypes)
  const ask = askRedis(options)

  return {
    createJobInstance: async (job, request, { caller, activityId, log }) => {
      const queue = queueOf(job)
      if (!served.has(job.jobType) || queue === undefined) throw unknownJobType(job)
      const payload = data(job, request)
      const stored: OwnedJobOptions = {
        ...jobOptions?.(job, request),
        jobId: toJobId(job),
        fabricJob: stampOf(job, caller),
        fabricActivityId: activityId
      }
      checkDeduplication(stored.deduplication ?? queue.defaultJobOptions.deduplication)
      const isAccepted = await ask(queue, (client) => addJob(client, queue, job.jobType, payload, stored), log)
      if (!isAccepted) throw jobNotAccepted()
    },
    resolveJobState: bullmqJobState(queueOf, options),
    cancelJobInstance: async (job, { caller, log }) => {
      const queue = queueOf(job)
      if (queue === undefined || !isUuid(job.jobInstanceId)) return null
      const key = queue.toKey(job.jobInstanceId.toLowerCase())
      const found = await ask(queue, (client) => cancelStoredJob(client, key, stampOf(job, caller)), log)
      return found === undefined ? null : storedJobState(found)
    }
  }
}

function creationPayload (_job: JobInstance, request: CreateItemJobInstanceRequest): unknown {
  return request.creationPayload ?? {}
}

/** Any other id could be the name of one of BullMQ's own keys. */
function toJobId ({ jobInstanceId }: JobInstance): string {
  if (!isUuid(jobInstanceId)) throw new TypeError('fastify-fabric-job-state: jobInstanceId must be a UUID.')
  return jobInstanceId.toLowerCase()
}

/** BullMQ would keep the refused job and run it later, or replace it by another one: neither is a 202 nor a 409. */
function checkDeduplication (deduplication: JobsOptions['deduplication']): void {
  if (deduplication?.keepLastIfActive === true) {
    throw new TypeError('fastify-fabric-job-state: bullmqJobs does not support deduplication.keepLastIfActive.')
  }
}

/**
 * Adds the job unless it is there. BullMQ returns the id of the job that is there, be it another's, or the id of the job
 * because of which it ignores this one.
 *
 * @returns true if the job is there for this owner, or was and has been removed since
 */
async function addJob (
  client: RedisClient, queue: BullmqQueue, name: string, data: unknown, options: OwnedJobOptions
): Promise<boolean> {
  const { id } = await queue.add(name, data, options)
  if (id !== options.jobId) return false
  const stored = await readStoredJob(client, queue.toKey(id))
  return stored === undefined || isStoredJobOwnedBy(stored, options.fabricJob)
}

/**
 * A resolver over [BullMQ](https://docs.bullmq.io), jobs in Redis. The job's id is Fabric's `jobInstanceId` and its data
 * bears the stamp that {@link stampJob} makes; a job without, or with another's, is not there.
 *
 * | state in BullMQ | that is | answer | startTimeUtc | endTimeUtc |
 * | --- | --- | --- | --- | --- |
 * | `waiting`, `prioritized`, `delayed`, `waiting-children` | never started; the queue may be paused | NotStarted | | |
 * | `waiting`, `prioritized`, `delayed`, started before | between two attempts: it failed or stalled, and will be tried again; or it put itself off | InProgress | processedOn | |
 * | `waiting-children`, started before | waits for the jobs that it made | InProgress | processedOn | |
 * | `active` | a worker has it; or had it and died, until BullMQ notices (stalled) | InProgress | processedOn | |
 * | `completed` | | Completed | processedOn | finishedOn |
 * | `failed` | no attempt is left, it stalled too often, or it is unrecoverable | Failed | processedOn | finishedOn |
 * | any, cancelled | {@link cancelJob} came before its end | Cancelled | processedOn | the time of that call |
 * | `unknown` with its hash | in none of BullMQ's lists, as after a hand in the database | as its times say | | |
 * | no such hash | never added, removed by hand, or by `removeOnComplete` and `removeOnFail` | 404 | | |
 *
 * BullMQ keeps the start of the latest attempt alone, so the start time of a job that is tried again moves. It removes
 * no finished job unless it is told to: let `removeOnComplete` and `removeOnFail` keep jobs for an hour or more, Fabric
 * asks once a minute.
 *
 * Of what the worker threw BullMQ keeps the message alone: {@link fabricProcessor} makes a `WorkloadError` keep its code,
 * source and details. A job that stalled too often gets the code `JobWorkerLost`.
 *
 * A poll is one command: the fields of the job's hash that tell all this. (BullMQ's own `getState` walks the lists of
 * waiting and active jobs.) A command to Redis cannot be taken back, so `signal` has nothing to do here; `timeout`
 * bounds the wait, and without a connection the answer is 503 at once. The connection's `retryStrategy` says how soon it
 * is back: BullMQ's default waits for up to 20 s.
 *
 * @param queue the queue, or what finds it for a job; `undefined` says that there is none (404)
 * @throws {TypeError} when an option makes no sense.
 *
 * @example
 * const queue = new Queue('forecasts', { connection: { url: process.env.REDIS_URL } })
 * await app.register(fabricJobState, { resolveJobState: bullmqJobState(queue), authentication })
 */
export function bullmqJobState (
  queue: BullmqReader | ((job: JobInstance) => BullmqReader | undefined), options: BullmqJobStateOptions = {}
): JobStateResolver {
  const queueOf = queueFinder(queue)
  const ask = askRedis(options)

  return async (job, { caller, log }) => {
    const queue = queueOf(job)
    if (queue === undefined || !isUuid(job.jobInstanceId)) return null
    const key = queue.toKey(job.jobInstanceId.toLowerCase())
    const found = await ask(queue, (client) => readStoredJob(client, key), log)
    return found !== undefined && isStoredJobOwnedBy(found, stampOf(job, caller)) ? storedJobState(found) : null
  }
}
