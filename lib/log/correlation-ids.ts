import type { IncomingHttpHeaders } from 'node:http'

import { containsToken } from './redact-tokens.js'

/** What Fabric sends to correlate a poll with what set it off, under the names that the log has for it. */
export interface CorrelationIds {
  /** The `ActivityId` header. */
  activityId?: string
  /** The `RequestId` header; Fastify's own `reqId` is another. */
  fabricRequestId?: string
}

/** The correlation ids of a request, as far as it has them. */
export function correlationIds (headers: IncomingHttpHeaders): CorrelationIds {
  const ids: CorrelationIds = {}
  const activityId = bounded(headers, 'activityid')
  const fabricRequestId = bounded(headers, 'requestid')
  if (activityId !== undefined) ids.activityId = activityId
  if (fabricRequestId !== undefined) ids.fabricRequestId = fabricRequestId
  return ids
}

/** Adds a request's correlation ids to the bindings of its logger. */
export function withCorrelationIds<T extends object> (bindings: T, headers: IncomingHttpHeaders): T & CorrelationIds {
  return Object.assign(bindings, correlationIds(headers))
}

/** Fabric's ids are uuids; a stranger's header must not swell each line of the log, nor bring a token into it. */
const LONGEST_ID = 128

function bounded (headers: IncomingHttpHeaders, name: string): string | undefined {
  const header = Object.hasOwn(headers, name) ? headers[name] : undefined
  if (typeof header !== 'string' || header === '') return undefined
  const id = header.slice(0, LONGEST_ID)
  return containsToken(id) ? undefined : id
}
