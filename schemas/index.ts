// Stands in until the generator writes the real modules.
export type JobInstanceStatus = 'NotStarted' | 'InProgress' | 'Completed' | 'Failed' | 'Cancelled'
export type ErrorSource = 'System' | 'User' | 'External'
export type NameValuePair = { name: string, value: string }
export type ErrorExtendedInformation = { errorCode: string, message: string, messageParameters?: string[], additionalParameters?: NameValuePair[] }
export type ErrorDetails = { errorCode: string, message: string, messageParameters?: string[], source: ErrorSource, isPermanent?: boolean, moreDetails?: ErrorExtendedInformation[] }
export type ErrorResponse = ErrorDetails
export type ItemJobInstanceState = { status: JobInstanceStatus, startTimeUtc?: string, endTimeUtc?: string, errorDetails?: ErrorDetails }
export type GetItemJobInstanceStateParams = { workspaceId: string, itemType: string, itemId: string, jobType: string, jobInstanceId: string }
