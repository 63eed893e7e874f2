import type { ErrorResponse } from '../schemas/index.js'

/** What a {@link WorkloadError} is made of: the answer's status and its `ErrorResponse`. */
export interface WorkloadErrorOptions extends ErrorResponse {
  /** The HTTP status of the answer, 400 to 599. */
  statusCode: number
  /** What led to it, for the log alone. */
  cause?: unknown
}

/** What a resolver throws to choose the answer. */
export class WorkloadError extends Error {
  override readonly name = 'WorkloadError'
  readonly statusCode: number
  readonly errorCode: string
  readonly source: ErrorResponse['source']
  readonly isPermanent?: boolean
  readonly messageParameters?: string[]
  readonly moreDetails?: NonNullable<ErrorResponse['moreDetails']>

  constructor ({ statusCode, message, cause, ...response }: WorkloadErrorOptions) {
    super(message, cause === undefined ? {} : { cause })
    this.statusCode = statusCode
    this.errorCode = response.errorCode
    this.source = response.source
    if (response.isPermanent !== undefined) this.isPermanent = response.isPermanent
    if (response.messageParameters !== undefined) this.messageParameters = response.messageParameters
    if (response.moreDetails !== undefined) this.moreDetails = response.moreDetails
  }
}
