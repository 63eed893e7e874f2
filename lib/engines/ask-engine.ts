import type { FastifyBaseLogger } from 'fastify'

import { withDeadline } from './deadline.js'
import { loggableError } from '../log/loggable-error.js'
import { WorkloadError } from '../errors/workload-error.js'

/** What every engine's resolver takes. */
export interface EngineOptions {
  /**
   * How long to wait for the engine, in milliseconds; then the answer is 503 `EngineUnavailable`. It belongs below the
   * plugin's `resolverTimeout`, or that answers first, with 504.
   * @default 5_000
   */
  timeout?: number
}

/** Puts a question to the engine; whatever keeps the engine from answering is thrown as 503 `EngineUnavailable`. */
export type AskEngine = <T>(question: () => Promise<T>, log: FastifyBaseLogger) => Promise<T>

/**
 * Makes the function through which a resolver asks its engine.
 *
 * @throws {TypeError} when the timeout is not a positive number of milliseconds that a timer can count to.
 */
export function askEngine ({ timeout = 5_000 }: EngineOptions = {}): AskEngine {
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > 2 ** 31 - 1) {
    throw new TypeError('fastify-fabric-job-state: timeout is a whole number of milliseconds, at least 1.')
  }
  return async (question, log) => {
    try {
      return await withDeadline(question(), timeout, {
        onTimeout: () => new Error(`The job engine did not answer within ${timeout} ms.`),
        onLateRejection: (error) => log.warn({ err: loggableError(error) }, 'The job engine failed after its deadline')
      })
    } catch (cause) {
      throw engineUnavailable(cause)
    }
  }
}

function engineUnavailable (cause: unknown): WorkloadError {
  return new WorkloadError({
    statusCode: 503,
    errorCode: 'EngineUnavailable',
    message: 'The state of the job cannot be told at the moment: the job engine of the workload does not answer.',
    source: 'System',
    isPermanent: false,
    cause
  })
}
