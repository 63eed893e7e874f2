// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type } from '@sinclair/typebox'

import { CreateItemJobInstanceHeaders } from './CreateItemJobInstanceHeaders.js'
import { CreateItemJobInstanceParams } from './CreateItemJobInstanceParams.js'
import { CreateItemJobInstanceRequest } from './CreateItemJobInstanceRequest.js'
import { ErrorResponse } from './ErrorResponse.js'

/**
 * Microsoft Fabric calls a workload's back end to start a job.
 *
 * `method`, `url` and `schema` are Fastify's route options.
 */
export const CreateItemJobInstance = {
  method: 'POST',
  url: '/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId',
  schema: {
    operationId: 'Jobs_CreateItemJobInstance',
    tags: ['Jobs'],
    summary: 'Create Item Job Instance',
    description: 'Microsoft Fabric calls a workload\'s back end to start a job.',
    params: CreateItemJobInstanceParams,
    headers: CreateItemJobInstanceHeaders,
    body: CreateItemJobInstanceRequest,
    response: {
      202: Type.Unsafe<undefined>(Type.Null({ description: 'Successfully scheduled.' })),
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
