// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { ErrorResponse } from './ErrorResponse.js'
import { GetItemJobInstanceStateHeaders } from './GetItemJobInstanceStateHeaders.js'
import { GetItemJobInstanceStateParams } from './GetItemJobInstanceStateParams.js'
import { ItemJobInstanceState } from './ItemJobInstanceState.js'

/**
 * Microsoft Fabric calls a workload's back end to ask how a job is doing.
 *
 * `method`, `url` and `schema` are Fastify's route options.
 */
export const GetItemJobInstanceState = {
  method: 'GET',
  url: '/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId',
  schema: {
    operationId: 'Jobs_GetItemJobInstanceState',
    tags: ['Jobs'],
    summary: 'Get Item Job Instance State',
    description: 'Microsoft Fabric calls a workload\'s back end to ask how a job is doing.',
    params: GetItemJobInstanceStateParams,
    headers: GetItemJobInstanceStateHeaders,
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
