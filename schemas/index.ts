// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { CreateItemJobInstanceRequest } from './CreateItemJobInstanceRequest.js'
import { ErrorDetails } from './ErrorDetails.js'
import { ErrorExtendedInformation } from './ErrorExtendedInformation.js'
import { ErrorResponse } from './ErrorResponse.js'
import { ErrorSource } from './ErrorSource.js'
import { ItemJobInstanceState } from './ItemJobInstanceState.js'
import { JobInstanceStatus } from './JobInstanceStatus.js'
import { JobInvokeType } from './JobInvokeType.js'
import { NameValuePair } from './NameValuePair.js'

export * from './CancelItemJobInstance.js'
export * from './CancelItemJobInstanceHeaders.js'
export * from './CancelItemJobInstanceParams.js'
export * from './CreateItemJobInstance.js'
export * from './CreateItemJobInstanceHeaders.js'
export * from './CreateItemJobInstanceParams.js'
export * from './CreateItemJobInstanceRequest.js'
export * from './ErrorDetails.js'
export * from './ErrorExtendedInformation.js'
export * from './ErrorResponse.js'
export * from './ErrorSource.js'
export * from './GetItemJobInstanceState.js'
export * from './GetItemJobInstanceStateHeaders.js'
export * from './GetItemJobInstanceStateParams.js'
export * from './ItemJobInstanceState.js'
export * from './JobInstanceStatus.js'
export * from './JobInvokeType.js'
export * from './NameValuePair.js'
export * from './OnCancelJobInstance.js'
export * from './OnCancelJobInstanceBody.js'
export * from './OnCancelJobInstanceHeaders.js'
export * from './OnCancelJobInstanceParams.js'
export * from './OnCreateJobInstance.js'
export * from './OnCreateJobInstanceBody.js'
export * from './OnCreateJobInstanceHeaders.js'
export * from './OnCreateJobInstanceParams.js'
export * from './OnGetJobInstanceStatus.js'
export * from './OnGetJobInstanceStatusBody.js'
export * from './OnGetJobInstanceStatusHeaders.js'
export * from './OnGetJobInstanceStatusParams.js'

/** The contract's definitions; the `title` of each is its name. */
export const definitions = [
  ItemJobInstanceState,
  JobInstanceStatus,
  ErrorDetails,
  ErrorResponse,
  ErrorExtendedInformation,
  ErrorSource,
  NameValuePair,
  CreateItemJobInstanceRequest,
  JobInvokeType
] as const
