import type { JobInstance, JobState, JobStateContext } from '../job-state-resolver.js'
import { WorkloadError } from '../workload-error.js'

export interface CreateItemJobInstanceRequest { invokeType: string, creationPayload?: Record<string, unknown> }
export type CreateJobInstance = (job: JobInstance, request: CreateItemJobInstanceRequest, context: JobStateContext) => void | Promise<void>
export type CancelJobInstance = (job: JobInstance, context: JobStateContext) => JobState | null | undefined | Promise<JobState | null | undefined>

export const unknownJobType = ({ jobType }: JobInstance) => new WorkloadError({ statusCode: 400, errorCode: 'UnknownJobType', message: `The workload has no jobs of type "${jobType}".`, source: 'User', isPermanent: true })
export const jobNotAccepted = () => new WorkloadError({ statusCode: 409, errorCode: 'JobNotAccepted', message: 'The job was not accepted.', source: 'System', isPermanent: false })

export function servedJobTypes (jobTypes: readonly string[]): ReadonlySet<string> {
  if (!Array.isArray(jobTypes) || jobTypes.length === 0) throw new TypeError('fastify-fabric-job-state: jobTypes must list the job types that are served.')
  return new Set(jobTypes)
}
