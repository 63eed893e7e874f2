import type { ErrorDetails } from '../../schemas/index.js'
import type { JobState } from '../callbacks.js'
import { JOB_FAILED, toErrorDetails, WORKER_LOST } from './error-details.js'
import type { StoredJob } from './pg-boss-store.js'

/** The state of a job as the contract has it. The state of the row decides; its times are added. */
export function storedJobState (job: StoredJob): JobState {
  const { state } = job
  const startTimeUtc = time(job.startedOn)
  const endTimeUtc = time(job.completedOn)
  switch (state) {
    case 'created':
    case 'retry':
      return job.startedOn === null ? { status: 'NotStarted' } : { status: 'InProgress', startTimeUtc }
    case 'active':
      return { status: 'InProgress', startTimeUtc }
    case 'completed':
      return { status: 'Completed', startTimeUtc, endTimeUtc }
    case 'cancelled':
      return { status: 'Cancelled', startTimeUtc, endTimeUtc }
    case 'failed':
      return { status: 'Failed', startTimeUtc, endTimeUtc, errorDetails: failureOf(job.output) }
    default:
      throw unknownState(state)
  }
}

/** A time that JavaScript does not know, as PostgreSQL's `infinity`, is left out. */
function time (text: string | null): Date | null {
  const date = new Date(text ?? NaN)
  return Number.isNaN(date.getTime()) ? null : date
}

/** The compiler refuses the call as soon as pg-boss declares a state that the switch above lacks. */
function unknownState (state: never): Error {
  return new Error(`pg-boss reports the state "${String(state)}", which is not known here.`)
}

/** pg-boss stores an error as a plain object, anything else as `{ value }`, and writes some failures itself. */
function failureOf (output: unknown): ErrorDetails {
  const failure = typeof output === 'object' && output !== null && 'value' in output ? output.value : output
  const details = toErrorDetails(failure)
  // pg-boss itself writes no code.
  if (details.errorCode !== JOB_FAILED) return details
  return ENGINE_FAILURES.find(({ pattern }) => pattern.test(details.message))?.errorDetails ?? details
}

const TIMED_OUT: ErrorDetails = {
  errorCode: 'JobTimedOut',
  message: 'The job took longer than it is allowed to and was given up.',
  source: 'System'
}

/** The messages of the failures that pg-boss writes itself. */
const ENGINE_FAILURES: Array<{ pattern: RegExp, errorDetails: ErrorDetails }> = [
  // By the supervisor, and by the worker itself.
  { pattern: /^job timed out$/, errorDetails: TIMED_OUT },
  { pattern: /^handler execution exceeded \d+s$/, errorDetails: TIMED_OUT },
  { pattern: /^job heartbeat timeout$/, errorDetails: WORKER_LOST },
  // By a server that stops: at the end of its grace period, and for a job that it took too late.
  { pattern: /^pg-boss shut down (?:while active|while the handler was still running|before the handler started)$/, errorDetails: WORKER_LOST }
]
