import type { Processor, Queue } from 'bullmq'

import type { ErrorDetails } from '../../schemas/index.js'
import type { JobInstance, JobState, JobStateResolver } from '../callbacks.js'
import { WorkloadError } from '../errors/workload-error.js'
import { askEngine, type EngineOptions } from './ask-engine.js'
import { errorDetailsAsText, toErrorDetails, WORKER_LOST } from './error-details.js'
import { bearsStamp, stampOf, type JobStamp } from './job-stamp.js'

export type { EngineOptions } from './ask-engine.js'
export { stampJob, type JobStamp, type Stamped } from './job-stamp.js'

/** What {@link bullmqJobState} takes. */
export interface BullmqJobStateOptions extends EngineOptions {}

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
  const queueOf = typeof queue === 'function' ? queue : () => queue
  const ask = askEngine(options)

  return async (job, { caller, log }) => {
    const queue = queueOf(job)
    if (queue === undefined) return null
    const found = await ask(() => findJob(queue, job.jobInstanceId, stampOf(job, caller)), log)
    return found === undefined ? null : toJobState(found)
  }
}

/** The part of a `Queue` that polls need. */
export type BullmqReader = Pick<Queue, 'getBackend' | 'toKey'>

/** Of the hash that BullMQ keeps a job in; `cancelledOn` is the one field that {@link cancelJob} adds. */
interface StoredJob {
  processedOn: string | null
  finishedOn: string | null
  returnvalue: string | null
  failedReason: string | null
  cancelledOn: string | null
}

const CANCELLED_ON = 'fabricCancelledOn'

async function findJob (queue: BullmqReader, id: string, stamp: JobStamp): Promise<StoredJob | undefined> {
  const client = await connected(queue)
  const [data, processedOn = null, finishedOn = null, returnvalue = null, failedReason = null, cancelledOn = null] =
    await client.hmget(
      queue.toKey(id), 'data', 'processedOn', 'finishedOn', 'returnvalue', 'failedReason', CANCELLED_ON)
  return data && bearsStamp(JSON.parse(data), stamp)
    ? { processedOn, finishedOn, returnvalue, failedReason, cancelledOn }
    : undefined
}

/** Without a connection ioredis would keep the command until there is one, minutes later perhaps. */
async function connected (queue: BullmqReader) {
  const client = await queue.getBackend().client
  if (LOST.has(client.status)) throw new Error(`The connection to Redis is lost (${client.status}).`)
  return client
}

const LOST = new Set(['close', 'reconnecting', 'end'])

function toJobState ({ processedOn, finishedOn, returnvalue, failedReason, cancelledOn }: StoredJob): JobState {
  const startTimeUtc = time(processedOn)
  if (cancelledOn !== null) return { status: 'Cancelled', startTimeUtc, endTimeUtc: time(cancelledOn) }
  if (finishedOn === null) {
    return startTimeUtc === null ? { status: 'NotStarted' } : { status: 'InProgress', startTimeUtc }
  }
  const endTimeUtc = time(finishedOn)
  // A completed job keeps the reason of its last failed attempt, but only a completed one has a return value, if null.
  if (returnvalue !== null) return { status: 'Completed', startTimeUtc, endTimeUtc }
  return { status: 'Failed', startTimeUtc, endTimeUtc, errorDetails: failureOf(failedReason) }
}

function time (milliseconds: string | null): Date | null {
  return milliseconds === null ? null : new Date(Number(milliseconds))
}

/** BullMQ keeps the message of an error; {@link fabricProcessor} makes the message of a `WorkloadError` its JSON. */
function failureOf (failedReason: string | null): ErrorDetails {
  return failedReason === 'job stalled more than allowable limit' ? WORKER_LOST : toErrorDetails(failedReason)
}

/**
 * Wraps the function of a worker, so that people see what its `WorkloadError`s say, and no cancelled job is run.
 *
 * In BullMQ such a job's `failedReason` is the JSON of its `ErrorDetails`; other errors pass unchanged.
 *
 * @example
 * new Worker(queue.name, fabricProcessor(queue, async (job) => forecast(job.data)), { connection })
 */
export function fabricProcessor<Data, Result> (
  queue: BullmqReader, processor: Processor<Data, Result>
): Processor<Data, Result> {
  return async (job, token, signal) => {
    if (job.id !== undefined && await isCancelled(queue, job.id)) throw unrecoverable('The job was cancelled.')
    try {
      return await processor(job, token, signal)
    } catch (error) {
      throw error instanceof WorkloadError ? storable(error) : error
    }
  }
}

function storable (error: WorkloadError): Error {
  return Object.assign(new Error(errorDetailsAsText(error), { cause: error }), { stack: error.stack })
}

/** BullMQ tries no further an error of this name: the class itself would have to be loaded from there. */
function unrecoverable (message: string): Error {
  return Object.assign(new Error(message), { name: 'UnrecoverableError' })
}

/**
 * Cancels a job, which BullMQ has no word for: from now on its state is Cancelled. A job that no worker has yet is not
 * run ({@link fabricProcessor}); to one that runs, say so with `worker.cancelJob(id)` on the machine that has it, or let
 * it ask {@link isCancelled}.
 *
 * @returns false for a job that is finished, cancelled already, or not there
 */
export async function cancelJob (queue: BullmqReader, jobInstanceId: string): Promise<boolean> {
  const client = await connected(queue)
  client.defineCommand('fabricCancelJob', { numberOfKeys: 1, lua: CANCEL })
  return await client.runCommand('fabricCancelJob', [queue.toKey(jobInstanceId), Date.now()]) === 1
}

const CANCEL = `
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'finishedOn') == 1 then return 0 end
return redis.call('HSETNX', KEYS[1], '${CANCELLED_ON}', ARGV[1])`

/** True for a job that {@link cancelJob} has cancelled. */
export async function isCancelled (queue: BullmqReader, jobInstanceId: string): Promise<boolean> {
  const client = await connected(queue)
  return await client.hexists(queue.toKey(jobInstanceId), CANCELLED_ON) === 1
}
