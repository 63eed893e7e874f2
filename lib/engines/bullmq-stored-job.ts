import type { JobsOptions } from 'bullmq'

import type { ErrorDetails } from '../../schemas/index.js'
import type { JobState } from '../callbacks.js'
import type { RedisClient } from './bullmq-queue.js'
import { JOB_FAILED, toErrorDetails, WORKER_LOST } from './error-details.js'
import { isOwnedBy, type Owner } from './owner.js'

/** The options of a job as they are stored with it. BullMQ keeps options that it does not know, and never changes them. */
export interface OwnedJobOptions extends JobsOptions {
  jobId: string
  /** The owner; `updateData` of a worker does not touch the options. */
  fabricJob: Owner
  /** The `ActivityId` of the request that created the job, if any. */
  fabricActivityId: string | undefined
}

/** The fields of the hash in which BullMQ stores a job; the last two are written by {@link cancelStoredJob}. */
const FIELDS = [
  'opts', 'data', 'processedOn', 'finishedOn', 'returnvalue', 'failedReason', 'fabricCancelledOn', 'fabricStartedOn'
] as const

type Field = typeof FIELDS[number]

/** A job as it is stored; BullMQ gives every job options and data. */
export interface StoredJob extends Record<Exclude<Field, 'opts' | 'data'>, string | null> {
  opts: string
  data: string
}

/** Reads a job with one command; undefined if there is none. */
export async function readStoredJob (client: RedisClient, key: string): Promise<StoredJob | undefined> {
  return toStoredJob(await client.hmget(key, ...FIELDS))
}

/**
 * Marks a job of this owner as cancelled unless it has ended, and reads it, in one script.
 *
 * @returns undefined if this owner has no such job
 */
export async function cancelStoredJob (
  client: RedisClient, key: string, owner: Owner
): Promise<StoredJob | undefined> {
  client.defineCommand('fabricCancelJob', { numberOfKeys: 1, lua: CANCEL })
  const fields: unknown = await client.runCommand('fabricCancelJob', [key, JSON.stringify(owner), Date.now(), ...FIELDS])
  return Array.isArray(fields) ? toStoredJob(fields) : undefined
}

// What has no owner is not a job of Fabric's, and is not written to. The start of a cancelled job is kept, because a worker
// that takes the job afterwards, if only to drop it, overwrites processedOn.
const CANCEL = `
local job = redis.call('HMGET', KEYS[1], 'opts', 'data', 'finishedOn', 'fabricCancelledOn', 'processedOn')
local function ownerIn(json)
  local isJson, value = pcall(cjson.decode, json)
  return isJson and type(value) == 'table' and type(value.fabricJob) == 'table' and value.fabricJob or nil
end
local owner = ownerIn(job[1]) or ownerIn(job[2])
if not owner then return nil end
for name, value in pairs(cjson.decode(ARGV[1])) do
  if owner[name] ~= value then return nil end
end
if not job[3] and not job[4] then
  redis.call('HSET', KEYS[1], 'fabricCancelledOn', ARGV[2])
  if job[5] then redis.call('HSET', KEYS[1], 'fabricStartedOn', job[5]) end
end
return redis.call('HMGET', KEYS[1], unpack(ARGV, 3))`

/** True if the job has been cancelled. */
export async function isStoredJobCancelled (client: RedisClient, key: string): Promise<boolean> {
  return await client.hexists(key, 'fabricCancelledOn') === 1
}

/** True if the stored owner matches; also reads the owner in the data of the job, where release 0.1.0 stored it. */
export function isStoredJobOwnedBy ({ opts, data }: StoredJob, owner: Owner): boolean {
  const options: unknown = JSON.parse(opts)
  return isOwnedBy(hasOwner(options) ? options : JSON.parse(data), owner)
}

function hasOwner (options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'fabricJob' in options
}

/** The state of the job as the contract has it. */
export function storedJobState (job: StoredJob): JobState {
  if (job.fabricCancelledOn !== null) return ended('Cancelled', job.fabricStartedOn, job.fabricCancelledOn)
  if (job.finishedOn === null) {
    return job.processedOn === null
      ? { status: 'NotStarted' }
      : { status: 'InProgress', startTimeUtc: time(job.processedOn) }
  }
  // A completed job keeps the reason of its last failed attempt, but only a completed one has a return value, if null.
  if (job.returnvalue !== null) return ended('Completed', job.processedOn, job.finishedOn)
  const reason = String(job.failedReason)
  const abandoned = ABANDONED.find(({ pattern }) => pattern.test(reason))
  // BullMQ overwrites processedOn when a worker takes such a job only to fail it.
  return abandoned === undefined
    ? { ...ended('Failed', job.processedOn, job.finishedOn), errorDetails: thrownByWorker(reason) }
    : { ...ended('Failed', null, job.finishedOn), errorDetails: abandoned.errorDetails }
}

/** The clocks of workers and servers can differ: a start is never later than the end. */
function ended (status: 'Completed' | 'Failed' | 'Cancelled', start: string | null, end: string): JobState {
  const earliest = start !== null && Number(start) > Number(end) ? end : start
  return { status, startTimeUtc: time(earliest), endTimeUtc: time(end) }
}

function time (milliseconds: string | null): Date | null {
  return milliseconds === null ? null : new Date(Number(milliseconds))
}

/** Failures that BullMQ decides without running the job, by its `failedReason`. */
const ABANDONED: Array<{ pattern: RegExp, errorDetails: ErrorDetails }> = [
  { pattern: /^job stalled more than allowable limit$/, errorDetails: WORKER_LOST },
  {
    pattern: /^job started more than allowable limit$/,
    errorDetails: { errorCode: JOB_FAILED, message: 'The job was started more often than it is allowed to.', source: 'System' }
  },
  {
    // The key of the child in Redis, with its queue's.
    pattern: /^child .+:.+:.+ failed$/,
    errorDetails: { errorCode: JOB_FAILED, message: 'A job that this job depends on failed.', source: 'System' }
  }
]

/** BullMQ stores the message of what a worker threw, and `null` for what has none. */
function thrownByWorker (reason: string): ErrorDetails {
  return toErrorDetails(reason === 'null' ? undefined : reason)
}

function toStoredJob (values: Array<string | null>): StoredJob | undefined {
  const [opts, data, processedOn = null, finishedOn = null, returnvalue = null, failedReason = null,
    fabricCancelledOn = null, fabricStartedOn = null] = values
  return opts && data
    ? { opts, data, processedOn, finishedOn, returnvalue, failedReason, fabricCancelledOn, fabricStartedOn }
    : undefined
}

/** The `ActivityId` of the request that created the job, in the options that a worker gets. */
export function activityIdOf (options: object): string | undefined {
  return 'fabricActivityId' in options && typeof options.fabricActivityId === 'string'
    ? options.fabricActivityId
    : undefined
}
