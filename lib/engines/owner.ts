import type { JobInstance } from '../callbacks.js'
import type { Caller } from '../subject-and-app/caller.js'

/**
 * The owner of a job: the tenant that started it, and the workspace, item type, item and job type in the path of the
 * request. UUIDs are in lower case.
 */
export interface Owner extends Omit<JobInstance, 'jobInstanceId'> {
  /** Absent if the host started the job with `authentication: false`. */
  tenantId?: string
}

/** The data of a job with its owner. */
export interface OwnedData {
  /** The owner, which the engine's resolver compares with the caller. */
  fabricJob: Owner
}

/**
 * Makes the id and the data under which a host adds a job to its engine, for hosts that use the engine's resolver alone:
 * the owner is in the data, as the property `fabricJob`, and must stay there. The resolver reports the state of a job
 * only to the tenant that started it, and only for the same workspace, item type, item and job type.
 *
 * `pgBossJobs` and `bullmqJobs` need no such call, and store the owner where a worker cannot replace it.
 *
 * A job that was started without authentication has no tenant, and no authenticated caller will ever see it.
 *
 * @param job the parameters of the path; UUIDs in either case
 * @param caller the caller that starts it: `request.fabricCaller`; `undefined` with `authentication: false`
 * @param payload the data that the worker needs; its property `fabricJob`, if any, is overwritten
 *
 * @example
 * const { id, data } = withOwner(request.params, request.fabricCaller, request.body)
 * await boss.send(request.params.jobType, data, { id })           // pg-boss
 * await queue.add(request.params.jobType, data, { jobId: id })    // BullMQ
 */
export function withOwner<Payload extends object> (
  job: JobInstance, caller: Pick<Caller, 'tenantId'> | undefined, payload: Payload
): { id: string, data: Payload & OwnedData } {
  return { id: job.jobInstanceId.toLowerCase(), data: { ...payload, fabricJob: ownerOf(job, caller) } }
}

/**
 * The former name of {@link withOwner}.
 *
 * @deprecated use {@link withOwner}
 */
export const stampJob = withOwner

/**
 * The owner that a job must have for this caller to see it. With `authentication: false` the tenant is not verified
 * (any caller can send the header `x-ms-client-tenant-id`), so none is compared.
 */
export function ownerOf (job: JobInstance, caller: Pick<Caller, 'tenantId'> | undefined): Owner {
  return {
    ...(caller !== undefined && { tenantId: caller.tenantId.toLowerCase() }),
    workspaceId: job.workspaceId.toLowerCase(),
    itemType: job.itemType,
    itemId: job.itemId.toLowerCase(),
    jobType: job.jobType
  }
}

/** True if the `fabricJob` of the data has all properties of the owner. */
export function isOwnedBy (data: unknown, owner: Owner): boolean {
  const stored = property(data, 'fabricJob')
  return Object.entries(owner).every(([name, value]) => property(stored, name) === value)
}

function property (value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
