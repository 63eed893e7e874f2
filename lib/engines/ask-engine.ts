import type { FastifyBaseLogger } from 'fastify'

import { loggableError } from '../log/loggable-error.js'
import { WorkloadError } from '../errors/workload-error.js'
import { withDeadline } from './deadline.js'
import { engineUnavailable } from './failures.js'

/** Options of every engine. */
export interface EngineOptions {
  /**
   * How long to wait for the engine, in milliseconds; then the response is 503 `EngineUnavailable`. It must be less than
   * the plugin's `resolverTimeout`, which otherwise comes first, with 504.
   * @default 5_000
   */
  timeout?: number
}

/**
 * Runs an operation of the engine until the deadline. What it throws is thrown as 503 `EngineUnavailable`, except a
 * `WorkloadError`, which is thrown as it is.
 */
export type AskEngine = <T>(operation: () => Promise<T>, log: FastifyBaseLogger) => Promise<T>

/**
 * Makes the function through which callbacks run an operation of their engine.
 *
 * @throws {TypeError} if the timeout is not a positive number of milliseconds that a timer supports.
 */
export function askEngine ({ timeout = 5_000 }: EngineOptions = {}): AskEngine {
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > 2 ** 31 - 1) {
    throw new TypeError('fastify-fabric-job-state: timeout is a whole number of milliseconds, at least 1.')
  }
  return async (operation, log) => {
    try {
      return await withDeadline(operation(), timeout, {
        onTimeout: () => new Error(`The job engine did not answer within ${timeout} ms.`),
        onLateRejection: (error) => log.warn({ err: loggableError(error) }, 'The job engine failed after its deadline')
      })
    } catch (error) {
      throw error instanceof WorkloadError ? error : engineUnavailable(error)
    }
  }
}
