// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { ErrorResponse } from './ErrorResponse.js'
import { ItemJobInstanceState } from './ItemJobInstanceState.js'
import { OnCreateJobInstanceBody } from './OnCreateJobInstanceBody.js'
import { OnCreateJobInstanceHeaders } from './OnCreateJobInstanceHeaders.js'
import { OnCreateJobInstanceParams } from './OnCreateJobInstanceParams.js'

/**
 * Microsoft Fabric calls a remote endpoint of the Extensibility Toolkit to start a job. Experimental: as of November 2026 no contract is published; the operation is that of the toolkit's sample back end.
 *
 * `method`, `url` and `schema` are Fastify's route options.
 */
export const OnCreateJobInstance = {
  method: 'POST',
  url: '/workspaces/:workspaceId/items/:itemType/:itemId/jobs/onCreateJobInstance',
  schema: {
    operationId: 'ExtensibilityToolkit_OnCreateJobInstance',
    tags: ['Jobs'],
    summary: 'On Create Job Instance (experimental)',
    description: 'Microsoft Fabric calls a remote endpoint of the Extensibility Toolkit to start a job. Experimental: as of November 2026 no contract is published; the operation is that of the toolkit\'s sample back end.',
    params: OnCreateJobInstanceParams,
    headers: OnCreateJobInstanceHeaders,
    body: OnCreateJobInstanceBody,
    response: {
      201: {
        description: 'Created.',
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
