// Generated from schemas/openapi.json by `npm run generate`.
import { ErrorDetails } from './ErrorDetails.js'
import { ErrorExtendedInformation } from './ErrorExtendedInformation.js'
import { ErrorResponse } from './ErrorResponse.js'
import { ErrorSource } from './ErrorSource.js'
import { ItemJobInstanceState } from './ItemJobInstanceState.js'
import { JobInstanceStatus } from './JobInstanceStatus.js'
import { NameValuePair } from './NameValuePair.js'

export * from './ErrorDetails.js'
export * from './ErrorExtendedInformation.js'
export * from './ErrorResponse.js'
export * from './ErrorSource.js'
export * from './GetItemJobInstanceState.js'
export * from './GetItemJobInstanceStateHeaders.js'
export * from './GetItemJobInstanceStateParams.js'
export * from './ItemJobInstanceState.js'
export * from './JobInstanceStatus.js'
export * from './NameValuePair.js'

/** The contract's definitions; the `$id` of each is its name. */
export const definitions = [
  ItemJobInstanceState,
  JobInstanceStatus,
  ErrorDetails,
  ErrorResponse,
  ErrorExtendedInformation,
  ErrorSource,
  NameValuePair
] as const
