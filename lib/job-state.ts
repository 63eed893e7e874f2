import { ItemJobInstanceState } from '../schemas/plain.js'
import { invalidJobState, jobInstanceNotFound } from './failures.js'
import type { JobState } from './job-state-resolver.js'
import { schemaReader } from './schema-reader.js'

const readJobState = schemaReader<ItemJobInstanceState>(ItemJobInstanceState)

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
