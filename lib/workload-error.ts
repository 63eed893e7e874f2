import { ErrorResponse } from '../schemas/plain.js'
import { schemaReader } from './schema-reader.js'

/** What a {@link WorkloadError} is made of: the answer's status and its `ErrorResponse` (the contract's definition). */
export interface WorkloadErrorOptions extends ErrorResponse {
  /** The HTTP status of the answer, 400 to 599. */
  statusCode: number
  /** What led to it: for the log alone, never sent. */
  cause?: unknown
  /** Headers of the response, such as `Retry-After`. */
  headers?: Record<string, string>
}

export interface WorkloadError extends ErrorResponse {}

/**
 * What a resolver throws to choose the answer: its `ErrorResponse` is sent as it is, with its status.
 *
 * The `message` is read by people in Fabric's monitoring hub; what only developers may know goes into `cause`.
 *
 * @throws {TypeError} when an option breaks the contract's `ErrorResponse`, or `statusCode` is no error's.
 *
 * @example
 * throw new WorkloadError({
 *   statusCode: 409,
 *   errorCode: 'ForecastLocked',
 *   message: 'The forecast is being edited. Save it and run the job again.',
 *   source: 'User',
 *   isPermanent: false
 * })
 */
export class WorkloadError extends Error implements ErrorResponse {
  /** `WorkloadError`, or what a subclass is called. */
  override readonly name: string = 'WorkloadError'
  /** The HTTP status of the answer, 400 to 599. */
  readonly statusCode: number
  /** Headers of the response. */
  readonly headers?: Record<string, string>

  constructor (options: WorkloadErrorOptions) {
    const reading = readErrorResponse(options)
    if ('problems' in reading) throw new TypeError(`WorkloadError: ${reading.problems.map(sentence).join(', ')}`)
    const { statusCode } = options
    if (!isErrorStatus(statusCode)) throw new TypeError('WorkloadError: statusCode must be an integer from 400 to 599')

    super(reading.value.message, options)
    Object.assign(this, reading.value)
    this.statusCode = statusCode
    if (options.headers !== undefined) this.headers = options.headers
  }
}

/**
 * A {@link WorkloadError} for what callers do, without a stack trace: no line of code is to blame, and to take one was
 * 10 µs of the 23 of a 400.
 */
export function callersError (options: WorkloadErrorOptions): WorkloadError {
  const { stackTraceLimit } = Error
  // Where the intrinsics are frozen it stays as it is.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return new WorkloadError(options)
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}

/** Reads what the contract's `ErrorResponse` knows of a value. */
export const readErrorResponse = schemaReader<ErrorResponse>(ErrorResponse)

/** True for what HTTP calls an error: a status of 400 to 599. */
export function isErrorStatus (statusCode: unknown): statusCode is number {
  return Number.isInteger(statusCode) && Number(statusCode) >= 400 && Number(statusCode) <= 599
}

function sentence ({ path, message }: { path: string, message: string }): string {
  return `${path.slice(1) || 'its options'} ${message}`
}
