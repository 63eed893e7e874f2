import { ErrorResponse } from '../../schemas/ErrorResponse.js'
import { checkedCopy } from '../checked-copy.js'
import { ownCopy } from '../own-properties.js'

/** Options of {@link WorkloadError}: the status and the `ErrorResponse` of the response. */
export interface WorkloadErrorOptions extends ErrorResponse {
  /** The HTTP status of the response, 400 to 599. */
  statusCode: number
  /** Headers of the response, e.g. `{ 'Retry-After': '60' }`. */
  headers?: Readonly<Record<string, string>> | undefined
  /** The cause: it is logged, and never sent. */
  cause?: unknown
}

export interface WorkloadError extends ErrorResponse {}

/**
 * An error that a callback throws to choose the response: its status, its headers, and the contract's `ErrorResponse`.
 *
 * Users read the `message` in Fabric's monitoring hub; put details for developers into `cause`.
 *
 * @throws {TypeError} when an option does not conform to the contract's `ErrorResponse`, or `statusCode` is not 400 to 599.
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
  /** `WorkloadError`, or the name of a subclass. */
  override readonly name: string = 'WorkloadError'
  /** The HTTP status of the response, 400 to 599. */
  readonly statusCode: number
  /** Headers of the response. */
  declare readonly headers?: Readonly<Record<string, string>>

  constructor (options: WorkloadErrorOptions) {
    const checked = checkErrorResponse(options)
    if ('problem' in checked) throw new TypeError(`WorkloadError: ${checked.problem.replace(/^\//, '')}`)
    const own = ownCopy(options)
    const { statusCode, headers } = own
    if (!isErrorStatus(statusCode)) throw new TypeError('WorkloadError: statusCode must be an integer from 400 to 599')

    super(checked.value.message, own)
    // With Object.prototype, as users expect.
    Object.assign(this, structuredClone(checked.value))
    this.statusCode = statusCode
    if (headers !== undefined) this.headers = { ...headers }
  }
}

/** Checks and copies the part of a value that the contract's `ErrorResponse` describes. */
export const checkErrorResponse = checkedCopy(ErrorResponse)

/** True for the status of an HTTP error: 400 to 599. */
export function isErrorStatus (statusCode: unknown): statusCode is number {
  return Number.isInteger(statusCode) && Number(statusCode) >= 400 && Number(statusCode) <= 599
}
