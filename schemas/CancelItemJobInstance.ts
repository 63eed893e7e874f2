// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { CancelItemJobInstanceHeaders } from './CancelItemJobInstanceHeaders.js'
import { CancelItemJobInstanceParams } from './CancelItemJobInstanceParams.js'
import { ErrorResponse } from './ErrorResponse.js'
import { ItemJobInstanceState } from './ItemJobInstanceState.js'

/**
 * Microsoft Fabric calls a workload's back end to cancel a job.
 *
 * `method`, `url` and `schema` are Fastify's route options.
 */
export const CancelItemJobInstance = {
  method: 'POST',
  url: '/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId/cancel',
  schema: {
    operationId: 'Jobs_CancelItemJobInstance',
    tags: ['Jobs'],
    summary: 'Cancel Item Job Instance',
    description: 'Microsoft Fabric calls a workload\'s back end to cancel a job.',
    params: CancelItemJobInstanceParams,
    headers: CancelItemJobInstanceHeaders,
    response: {
      200: {
        description: 'Completed successfully.',
        content: { 'application/json': { schema: ItemJobInstanceState } }
      },
      default: {
        description: 'An appropriate HTTP error status code (4xx, 5xx) with detailed error information.',
        content: { 'application/json': { schema: ErrorResponse } }
      }
    }
  },
  /** The request headers, from the document's spelling to that of `request.headers`. */
  headerNames: {
    'x-ms-client-tenant-id': 'x-ms-client-tenant-id',
    ActivityId: 'activityid',
    RequestId: 'requestid'
  }
} as const
