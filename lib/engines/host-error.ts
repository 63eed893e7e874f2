import { toWorkloadError } from '../errors/error-response.js'
import { WorkloadError } from '../errors/workload-error.js'

/**
 * Distinguishes an error of the host (its `queue`, `data` or `options` of a job are wrong, and the same create fails again) from
 * one of the engine (503, and the same create can succeed later).
 *
 * @param error what the engine's client threw
 * @param isOfEngine true for an error that the engine's server returned and that the host did not cause
 * @param isReachable rejects if the engine cannot be reached: clients report a lost connection by many errors
 * @returns 500 for an error of the host; a `WorkloadError`, and an error of the engine, as it is
 */
export async function hostError (
  error: unknown, isOfEngine: (error: unknown) => boolean, isReachable: () => Promise<unknown>
): Promise<unknown> {
  if (error instanceof WorkloadError || isOfEngine(error)) return error
  return await isReachable().then(() => toWorkloadError(error), () => error)
}
