import type { FastifyRequest } from 'fastify'
import type { ErrorResponse } from 'fastify-fabric-job-state/schemas'

/** The operation that a request calls, in either API. */
export function operationOf ({ method, routeOptions: { url = '' } }: FastifyRequest): 'create' | 'state' | 'cancel' {
  if (method !== 'POST' || url.endsWith('/onGetJobInstanceStatus')) return 'state'
  return /\/(?:cancel|onCancelJobInstance)$/.test(url) ? 'cancel' : 'create'
}

/** The `errorCode` in the body of an error response, as the `onSend` hook gets it; '' for a text that another plugin sends. */
export function errorCodeIn (body: unknown): string {
  try {
    const { errorCode = '' }: Partial<ErrorResponse> = JSON.parse(String(body))
    return errorCode
  } catch {
    return ''
  }
}
