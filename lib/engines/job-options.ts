import type { CreateItemJobInstanceRequest } from '../../schemas/index.js'
import type { JobInstance } from '../callbacks.js'
import type { EngineOptions } from './ask-engine.js'
import { unknownJobType } from './failures.js'

/** Options that the callbacks of every engine have. */
export interface EngineJobsOptions extends EngineOptions {
  /** The job types that the workload serves; a create of any other is 400 `UnknownJobType`. */
  jobTypes: readonly string[]
}

/**
 * Makes the check that a job is of a type that is served. It throws 400 `UnknownJobType` otherwise.
 *
 * @throws {TypeError} if `jobTypes` is not an array of non-empty strings, at least one.
 */
export function checkJobType (jobTypes: readonly string[]): (job: JobInstance) => void {
  if (!Array.isArray(jobTypes) || jobTypes.length === 0 || !jobTypes.every((jobType) => typeof jobType === 'string' && jobType !== '')) {
    throw new TypeError('fastify-fabric-job-state: jobTypes is an array of the names of the job types that are served.')
  }
  const served = new Set<string>(jobTypes)
  return (job) => {
    if (!served.has(job.jobType)) throw unknownJobType(job)
  }
}

/** The default of the option `data`: the `creationPayload`, or `{}`. */
export function creationPayload (_job: JobInstance, request: CreateItemJobInstanceRequest): Record<string, unknown> {
  return request.creationPayload ?? {}
}
