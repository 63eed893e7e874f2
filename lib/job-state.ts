import { ItemJobInstanceState } from '../schemas/ItemJobInstanceState.js'
import { checkedCopy } from './checked-copy.js'
import { invalidJobState, jobInstanceNotFound } from './errors/failures.js'

const checkState = checkedCopy(ItemJobInstanceState)

/**
 * Checks the result of a callback against the contract.
 *
 * @returns a copy that conforms to it
 * @throws {WorkloadError} 404 for `null` and `undefined`, 500 `InvalidJobState` for a result that does not conform
 */
export function checkedJobState (answer: unknown): ItemJobInstanceState {
  if (answer === null || answer === undefined) throw jobInstanceNotFound()
  const checked = checkState(answer)
  if ('problem' in checked) throw invalidJobState(checked.problem)
  return checked.value
}
