import type { JobInstance } from '../callbacks.js'
import { WorkloadError } from '../errors/workload-error.js'

// The failures of an engine's callbacks; people read the messages in Fabric's monitoring hub.

/** 400: the job type is not among the `jobTypes` that are served. */
export function unknownJobType ({ jobType }: JobInstance): WorkloadError {
  return new WorkloadError({
    statusCode: 400,
    errorCode: 'UnknownJobType',
    message: `The workload does not support jobs of the type "${jobType}".`,
    messageParameters: [jobType],
    source: 'User',
    isPermanent: true
  })
}

/** 409: the engine did not accept the job, or its id belongs to a job of another owner. */
export function jobNotAccepted (): WorkloadError {
  return new WorkloadError({
    statusCode: 409,
    errorCode: 'JobNotAccepted',
    message: 'The workload did not accept the job: it conflicts with another job. Try again later.',
    source: 'System',
    isPermanent: false
  })
}

/** 503: the engine did not answer; `cause` is for the log. */
export function engineUnavailable (cause: unknown): WorkloadError {
  return new WorkloadError({
    statusCode: 503,
    errorCode: 'EngineUnavailable',
    message: 'The job engine of the workload is not available at the moment. Try again later.',
    source: 'System',
    isPermanent: false,
    headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    cause
  })
}

const RETRY_AFTER_SECONDS = '5'
