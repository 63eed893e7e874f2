import { ItemJobInstanceState } from '../schemas/index.js'
import { withDeadline } from './deadline.js'
import { toWorkloadError } from './error-response.js'
import { invalidJobState, jobInstanceNotFound, resolverTimedOut } from './failures.js'
import type { JobInstance, JobState, JobStateResolver } from './job-state-resolver.js'
import { loggableError } from './loggable-error.js'
import type { PollContext } from './poll-context.js'
import { schemaReader } from './schema-reader.js'

const readJobState = schemaReader(ItemJobInstanceState)

/**
 * Asks the resolver, and holds its answer against the contract.
 *
 * @param timeout in milliseconds; 0 waits for ever
 * @throws {WorkloadError} whatever goes wrong
 */
export async function resolveInTime (
  resolveJobState: JobStateResolver,
  job: JobInstance,
  context: PollContext,
  timeout: number
): Promise<ItemJobInstanceState> {
  try {
    const answer = resolveJobState(job, context)
    const settled = isPromiseLike(answer) ? await inTime(answer, context, timeout) : answer
    context.finish()
    return checkedJobState(settled)
  } catch (thrown) {
    context.finish()
    // Fastify, the host's hooks and the log get an error that is one, whatever was thrown.
    throw toWorkloadError(thrown)
  }
}

function inTime<T> (answer: PromiseLike<T>, context: PollContext, timeout: number): PromiseLike<T> {
  return withDeadline(answer, timeout, {
    onTimeout () {
      const error = resolverTimedOut(timeout)
      context.abort(error)
      return error
    },
    onLateRejection (error) {
      context.log.warn({ err: loggableError(error) }, 'The resolver failed after its deadline')
    }
  })
}

/**
 * Holds an answer against the contract.
 *
 * @throws {WorkloadError} for one that breaks it, or says that there is no such job
 */
export function checkedJobState (answer: JobState | null | undefined): ItemJobInstanceState {
  if (answer === null || answer === undefined) throw jobInstanceNotFound()
  const reading = readJobState(answer)
  if ('problems' in reading) throw invalidJobState(reading.problems)
  return reading.value
}

function isPromiseLike<T> (answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof answer === 'object' && answer !== null && 'then' in answer && typeof answer.then === 'function'
}
