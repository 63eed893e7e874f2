// Generated from schemas/openapi.json by `npm run generate`.
import { Type } from '@sinclair/typebox'

import type { ErrorResponse } from './ErrorResponse.js'
import type { ItemJobInstanceState } from './ItemJobInstanceState.js'
import { GetItemJobInstanceStateParams } from './GetItemJobInstanceStateParams.js'

/**
 * Microsoft Fabric calls a workload's back end to ask how a job is doing.
 *
 * `method`, `url` and `schema` are Fastify's route options; `schema` refers to the `definitions`.
 */
export const GetItemJobInstanceState = {
  method: 'GET',
  url: '/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId',
  schema: {
    operationId: 'Jobs_GetItemJobInstanceState',
    summary: 'Get Item Job Instance State',
    description: 'Microsoft Fabric calls a workload\'s back end to ask how a job is doing.',
    params: GetItemJobInstanceStateParams,
    response: {
      200: Type.Unsafe<ItemJobInstanceState>(Type.Ref('ItemJobInstanceState', {
        description: 'Completed successfully.'
      })),
      default: Type.Unsafe<ErrorResponse>(Type.Ref('ErrorResponse', {
        description: 'An appropriate HTTP error status code (4xx, 5xx) with detailed error information.'
      }))
    }
  },
  /** The request headers, from the contract's spelling to that of `request.headers`. */
  headerNames: {
    'x-ms-client-tenant-id': 'x-ms-client-tenant-id',
    ActivityId: 'activityid',
    RequestId: 'requestid'
  }
} as const
