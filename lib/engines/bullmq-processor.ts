import type { Job, Processor } from 'bullmq'

import { WorkloadError } from '../errors/workload-error.js'
import { Cancellations } from './bullmq-cancellations.js'
import { checkQueue, type BullmqReader } from './bullmq-queue.js'
import { activityIdOf } from './bullmq-stored-job.js'
import { errorDetailsAsText, JOB_FAILED, toErrorDetails } from './error-details.js'
import type { FabricJobContext } from './job-context.js'

/** Does the work of one job; what it throws fails the job. */
export type FabricJobHandler<Data, Result> = (job: Job<Data, Result>, context: FabricJobContext) => Result | Promise<Result>

/**
 * Makes the processor of a BullMQ worker from a handler.
 *
 * - A job that was cancelled before a worker took it does not reach the handler. While the handler runs, Redis is asked
 *   once a second whether the job has been cancelled, and then `signal` is aborted.
 * - `signal` is also aborted by `worker.cancelJob(id)`. Call that for the ids of the worker's event `lockRenewalFailed`:
 *   BullMQ gives these jobs to another worker.
 * - A cancelled job is not tried again, nor is one that fails with a `WorkloadError` that `isPermanent`.
 * - BullMQ stores the message of an error and nothing else. The message of a `WorkloadError` becomes the JSON of its
 *   `ErrorDetails`, from which {@link bullmqJobState} reads its code, source and details. What is not an `Error` gets a
 *   message: BullMQ fails at `throw undefined` and does not end the job.
 *
 * @param queue the queue of the worker, open until the worker is closed
 * @throws {TypeError} if the queue is not one of BullMQ 6 on Redis.
 *
 * @example
 * const process = fabricProcessor(queue, async (job, { signal }) => forecast(job.data, signal))
 * new Worker(queue.name, process, { connection })
 */
export function fabricProcessor<Data = unknown, Result = unknown> (
  queue: BullmqReader, handler: FabricJobHandler<Data, Result>
): Processor<Data, Result> {
  checkQueue(queue)
  const cancellations = new Cancellations(queue)

  const run = async (job: Job<Data, Result>, cancellation: AbortController, workerSignal?: AbortSignal) => {
    const signals = [cancellation.signal, workerSignal].filter((signal) => signal !== undefined)
    try {
      await cancellations.watch(String(job.id), cancellation, workerSignal)
      cancellation.signal.throwIfAborted()
      return await handler(job, { signal: AbortSignal.any(signals), activityId: activityIdOf(job.opts) })
    } finally {
      cancellations.unwatch(cancellation)
    }
  }

  // BullMQ gives a signal only to a function that declares three parameters.
  return async (job, _token, workerSignal) => {
    const cancellation = new AbortController()
    try {
      return await run(job, cancellation, workerSignal)
    } catch (error) {
      throw isControlFlow(error) ? error : storable(error, cancellation.signal)
    }
  }
}

/** True for the errors by which a handler signals to BullMQ that it has moved the job. */
function isControlFlow (error: unknown): boolean {
  return error instanceof Error && CONTROL_FLOW.has(error.name)
}

const CONTROL_FLOW = new Set(['DelayedError', 'RateLimitError', 'WaitingChildrenError', 'WaitingError'])

/** An error that BullMQ can store. */
function storable (thrown: unknown, cancelled: AbortSignal): Error {
  if (cancelled.aborted) return unrecoverable(new Error('The job was cancelled.', { cause: thrown }))
  const details = toErrorDetails(thrown)
  const hasDetails = thrown instanceof WorkloadError || details.errorCode !== JOB_FAILED
  if (!hasDetails && thrown instanceof Error && thrown.message !== '') return thrown
  const error = new Error(hasDetails ? errorDetailsAsText(thrown) : details.message, { cause: thrown })
  if (thrown instanceof Error && thrown.stack !== undefined) error.stack = thrown.stack
  return hasDetails && details.isPermanent === true ? unrecoverable(error) : error
}

/** BullMQ does not try again after an error of this name. Its class cannot be used without importing BullMQ. */
function unrecoverable (error: Error): Error {
  return Object.assign(error, { name: 'UnrecoverableError' })
}
