import type { JobInstance } from './callbacks.js'

/** The job of a request, its UUIDs in lower case, without the parameters of the host's prefix. */
export function jobInstance ({ workspaceId, itemType, itemId, jobType, jobInstanceId }: JobInstance): JobInstance {
  return {
    workspaceId: workspaceId.toLowerCase(),
    itemType,
    itemId: itemId.toLowerCase(),
    jobType,
    jobInstanceId: jobInstanceId.toLowerCase()
  }
}
