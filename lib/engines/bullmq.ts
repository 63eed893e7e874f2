import type { JobsOptions, Queue } from 'bullmq'

import type { CreateItemJobInstanceRequest } from '../../schemas/index.js'
import type { CancelJobInstance, CreateJobInstance, JobInstance, JobStateResolver } from '../callbacks.js'
import { isUuid } from '../subject-and-app/uuid.js'
import type { EngineOptions } from './ask-engine.js'
import { askRedis, queueFinder, type BullmqReader, type RedisClient } from './bullmq-queue.js'
import {
  cancelStoredJob, isStoredJobOwnedBy, readStoredJob, storedJobState, type OwnedJobOptions
} from './bullmq-stored-job.js'
import { jobNotAccepted, unknownJobType } from './failures.js'
import { hostError } from './host-error.js'
import { checkJobType, creationPayload, type EngineJobsOptions } from './job-options.js'
import { ownerOf } from './owner.js'

export type { EngineOptions } from './ask-engine.js'
export { fabricProcessor, type FabricJobHandler } from './bullmq-processor.js'
export type { BullmqReader } from './bullmq-queue.js'
export type { FabricJobContext } from './job-context.js'
export type { EngineJobsOptions } from './job-options.js'
export { stampJob, withOwner, type OwnedData, type Owner } from './owner.js'

/** Options of {@link bullmqJobState}. */
export interface BullmqJobStateOptions extends EngineOptions {}

/** The methods of a `Queue` that {@link bullmqJobs} needs. */
export type BullmqQueue = BullmqReader & Pick<Queue, 'add' | 'defaultJobOptions'>

/** Options of {@link bullmqJobs}. */
export interface BullmqJobsOptions extends EngineJobsOptions {
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
 * While Redis is down the response is 503 `EngineUnavailable`: at once if the connection is known to be lost, else after `timeout`.
 *
 * @param queue the queue, or a function that finds the queue of a job; `undefined` means that there is none: a create is
 * 400 `UnknownJobType` then, the others are 404
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
  const checkType = checkJobType(jobTypes)
  const ask = askRedis(options)

  return {
    createJobInstance: async (job, request, { caller, activityId, log }) => {
      checkType(job)
      const queue = queueOf(job)
      if (queue === undefined) throw unknownJobType(job)
      const payload = data(job, request)
      const stored: OwnedJobOptions = {
        ...jobOptions?.(job, request),
        jobId: toJobId(job),
        fabricJob: ownerOf(job, caller),
        fabricActivityId: activityId
      }
      checkDeduplication(stored.deduplication ?? queue.defaultJobOptions.deduplication)
      await ask(queue, (client) => addJob(client, queue, job.jobType, payload, stored), log)
    },
    resolveJobState: bullmqJobState(queueOf, options),
    cancelJobInstance: async (job, { caller, log }) => {
      const queue = queueOf(job)
      if (queue === undefined || !isUuid(job.jobInstanceId)) return null
      const key = queue.toKey(job.jobInstanceId.toLowerCase())
      const found = await ask(queue, (client) => cancelStoredJob(client, key, ownerOf(job, caller)), log)
      return found === undefined ? null : storedJobState(found)
    }
  }
}

/** Any other id could be the name of a key of BullMQ itself. */
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
 * Adds the job unless it exists. If one exists, also of another owner, BullMQ returns its id; if BullMQ ignores the job, the
 * id of the job that is the reason.
 *
 * @throws {WorkloadError} 500 if the data or the options are wrong; 409 if this owner has no such job. A job that is no longer stored has ended and was removed.
 */
async function addJob (
  client: RedisClient, queue: BullmqQueue, name: string, data: unknown, options: OwnedJobOptions
): Promise<void> {
  const { id } = await queue.add(name, data, options).catch(async (error: unknown) => {
    throw await hostError(error, isOfRedis, () => readStoredJob(client, queue.toKey(options.jobId)))
  })
  if (id !== options.jobId) throw jobNotAccepted()
  const stored = await readStoredJob(client, queue.toKey(id))
  if (stored !== undefined && !isStoredJobOwnedBy(stored, options.fabricJob)) throw jobNotAccepted()
}

/** True for an error of Redis, whose message begins with a code as `READONLY`, or of the connection, which has a `code`. */
function isOfRedis (error: unknown): boolean {
  return error instanceof Error && (/^[A-Z]{2,} /.test(error.message) || ('code' in error && typeof error.code === 'string'))
}

/**
 * A resolver over [BullMQ](https://docs.bullmq.io), which keeps jobs in Redis. The job's id is Fabric's `jobInstanceId`, and
 * its owner is stored with it by {@link bullmqJobs}, or in its data by {@link withOwner}; a job without an owner, or with
 * another one than the request's, is not found.
 *
 * | state in BullMQ | meaning | status | startTimeUtc | endTimeUtc |
 * | --- | --- | --- | --- | --- |
 * | `waiting`, `prioritized`, `delayed`, `waiting-children` | not started yet; the queue may be paused | NotStarted | | |
 * | `waiting`, `prioritized`, `delayed`, started before | between two attempts: it failed or stalled, and will be tried again; or it delayed itself | InProgress | processedOn | |
 * | `waiting-children`, started before | waits for the jobs that it created | InProgress | processedOn | |
 * | `active` | a worker runs it; or its worker died, until BullMQ notices (stalled) | InProgress | processedOn | |
 * | `completed` | | Completed | processedOn | finishedOn |
 * | `failed` | no attempt is left, or it is unrecoverable | Failed | processedOn | finishedOn |
 * | `failed`, given up | it stalled or was started too often, or a job that it depends on failed; BullMQ keeps no start | Failed | | finishedOn |
 * | any, cancelled | `cancelJobInstance` came before its end | Cancelled | processedOn at that time | the time of that call |
 * | `unknown` with its hash | in none of BullMQ's lists, after a change by hand | by its times | | |
 * | no such hash | never added, removed by hand, or by `removeOnComplete` and `removeOnFail` | 404 | | |
 *
 * BullMQ stores the start of the latest attempt only, so the start time of a job that is tried again changes. Where the
 * clocks of workers differ, no start is later than the end. BullMQ does not remove ended jobs by default; if you set
 * `removeOnComplete` or `removeOnFail`, keep jobs for an hour or more, because Fabric polls once a minute.
 *
 * BullMQ stores the message of what a worker threw and nothing else: {@link fabricProcessor} makes the code, source and
 * details of a `WorkloadError` part of it. A job that stalled too often fails with the code `JobWorkerLost`.
 *
 * A poll is one `HMGET` on the job's hash. (BullMQ's own `getState` searches the lists of waiting and active jobs.) Keep the
 * data of jobs small: it is read with the rest. A command to Redis cannot be withdrawn, so `signal` is not used; `timeout`
 * bounds the wait, and without a connection the response is 503 at once. The `retryStrategy` of the connection decides how soon
 * it is back: with BullMQ's default up to 20 seconds.
 *
 * @param queue the queue, or a function that finds the queue of a job; `undefined` means that there is none (404)
 * @throws {TypeError} if an option is invalid, or the queue is not one of BullMQ 6 on Redis.
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
    return found !== undefined && isStoredJobOwnedBy(found, ownerOf(job, caller)) ? storedJobState(found) : null
  }
}
