import type { JobInstance } from '../callbacks.js'
import type { Caller } from '../subject-and-app/caller.js'

/** Whose job it is: the tenant that started it, and what the path of the request said. The uuids are in lower case. */
export interface JobStamp extends Omit<JobInstance, 'jobInstanceId'> {
  /** Absent where the host started the job with `authentication: false`. */
  tenantId?: string
}

/** The data of a job that bears its stamp. */
export interface Stamped {
  /** Whose job it is, for the engine's resolver to compare. */
  fabricJob: JobStamp
}

/**
 * Makes what the host gives to its engine when Fabric asks it to start a job: the id that the job has to have there,
 * and the payload with the stamp beside it, as the property `fabricJob`. The engine's resolver tells the state of a
 * job only to who asks for it by the stamp's own tenant, workspace, item type, item and job type.
 *
 * A job that was started without authentication bears no tenant, and no authenticated caller will ever see it.
 *
 * @param job the parameters of the path; their case does not matter where it is a uuid
 * @param caller who starts it: `request.fabricCaller`; `undefined` with `authentication: false`
 * @param payload what the worker needs; a `fabricJob` of its own is overwritten
 *
 * @example
 * const { id, data } = stampJob(request.params, request.fabricCaller, request.body)
 * await boss.send(request.params.jobType, data, { id })           // pg-boss
 * await queue.add(request.params.jobType, data, { jobId: id })    // BullMQ
 */
export function stampJob<Payload extends object> (
  job: JobInstance, caller: Pick<Caller, 'tenantId'> | undefined, payload: Payload
): { id: string, data: Payload & Stamped } {
  return { id: job.jobInstanceId.toLowerCase(), data: { ...payload, fabricJob: stampOf(job, caller) } }
}

/**
 * The stamp that a job has to bear for this caller to see it. Nobody has vouched for a tenant with
 * `authentication: false` (the header `x-ms-client-tenant-id` is anybody's to send), so none is asked for then.
 */
export function stampOf (job: JobInstance, caller: Pick<Caller, 'tenantId'> | undefined): JobStamp {
  return {
    ...(caller !== undefined && { tenantId: caller.tenantId.toLowerCase() }),
    workspaceId: job.workspaceId.toLowerCase(),
    itemType: job.itemType,
    itemId: job.itemId.toLowerCase(),
    jobType: job.jobType
  }
}

/** True where the data bears all that the stamp says. */
export function bearsStamp (data: unknown, stamp: JobStamp): boolean {
  const borne = property(data, 'fabricJob')
  return Object.entries(stamp).every(([name, value]) => property(borne, name) === value)
}

function property (value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
