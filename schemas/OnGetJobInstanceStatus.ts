// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { ErrorResponse } from './ErrorResponse.js'
import { ItemJobInstanceState } from './ItemJobInstanceState.js'
import { OnGetJobInstanceStatusBody } from './OnGetJobInstanceStatusBody.js'
import { OnGetJobInstanceStatusHeaders } from './OnGetJobInstanceStatusHeaders.js'
import { OnGetJobInstanceStatusParams } from './OnGetJobInstanceStatusParams.js'

/**
 * Microsoft Fabric calls a remote endpoint of the Extensibility Toolkit to ask how a job is doing. Experimental: as of November 2026 no contract is published; the operation is that of the toolkit's sample back end.
 *
 * `method`, `url` and `schema` are Fastify's route options.
 */
export const OnGetJobInstanceStatus = {
  method: 'POST',
  url: '/workspaces/:workspaceId/items/:itemType/:itemId/jobs/onGetJobInstanceStatus',
  schema: {
    operationId: 'ExtensibilityToolkit_OnGetJobInstanceStatus',
    tags: ['Jobs'],
    summary: 'On Get Job Instance Status (experimental)',
    description: 'Microsoft Fabric calls a remote endpoint of the Extensibility Toolkit to ask how a job is doing. Experimental: as of November 2026 no contract is published; the operation is that of the toolkit\'s sample back end.',
    params: OnGetJobInstanceStatusParams,
    headers: OnGetJobInstanceStatusHeaders,
    body: OnGetJobInstanceStatusBody,
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
