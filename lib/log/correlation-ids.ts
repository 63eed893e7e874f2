import type { IncomingHttpHeaders } from 'node:http'

import { containsToken } from './redact-tokens.js'

/** Fabric's correlation IDs of a request, under their names in the log. */
export interface CorrelationIds {
  /** The `ActivityId` header. */
  activityId?: string
  /** The `RequestId` header; not Fastify's `reqId`. */
  fabricRequestId?: string
}

/** Reads the correlation IDs that a request has. */
export function correlationIds (headers: IncomingHttpHeaders): CorrelationIds {
  const ids: CorrelationIds = {}
  const activityId = bounded(headers, 'activityid')
  const fabricRequestId = bounded(headers, 'requestid')
  if (activityId !== undefined) ids.activityId = activityId
  if (fabricRequestId !== undefined) ids.fabricRequestId = fabricRequestId
  return ids
}

/** Adds a request's correlation IDs to the bindings of its logger. */
export function withCorrelationIds<T extends object> (bindings: T, headers: IncomingHttpHeaders): T & CorrelationIds {
  return Object.assign(bindings, correlationIds(headers))
}

/** Fabric's IDs are UUIDs. The limit keeps log lines short when another client sends the headers. */
const LONGEST_ID = 128

function bounded (headers: IncomingHttpHeaders, name: string): string | undefined {
  const header = Object.hasOwn(headers, name) ? headers[name] : undefined
  if (typeof header !== 'string' || header === '') return undefined
  const id = header.slice(0, LONGEST_ID)
  return containsToken(id) ? undefined : id
}
