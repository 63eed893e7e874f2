import { GetItemJobInstanceStateParams } from '../schemas/plain.js'
import { invalidParameter } from './failures.js'
import type { JobInstance } from './job-state-resolver.js'
import { schemaReader } from './schema-reader.js'
import type { WorkloadError } from './workload-error.js'

const readParams = schemaReader<GetItemJobInstanceStateParams>(GetItemJobInstanceStateParams)

/**
 * Validates the path's parameters, in the form that Fastify asks of a validator. Fastify's router has an empty string
 * for a parameter that the path lacks (`//`); the contract requires them all.
 */
export function validateParams (params: Record<string, string>): { value: JobInstance } | { error: WorkloadError } {
  const isComplete = !Object.values(params).includes('')
  const reading = readParams(isComplete ? params : withoutEmpty(params))
  return 'value' in reading ? reading : { error: invalidParameter(reading.problems) }
}

function withoutEmpty (params: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== ''))
}
