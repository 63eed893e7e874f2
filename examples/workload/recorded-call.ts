import { STATUS_CODES, type IncomingHttpHeaders } from 'node:http'

import type { ErrorResponse, ItemJobInstanceState } from 'fastify-fabric-job-state/schemas'
import type { FastifyReply, FastifyRequest } from 'fastify'

import type { CallRecord } from './job-record.js'

/** Describes a call for the page, before its response is sent. */
export function recordedCall (request: FastifyRequest, reply: FastifyReply, payload: unknown, log: string[]) {
  const { method, url, headers, body } = request
  const { statusCode, elapsedTime } = reply
  const json = typeof payload === 'string' && payload !== '' ? payload : undefined
  const state: ItemJobInstanceState | undefined = json && statusCode < 300 ? JSON.parse(json) : undefined
  const error: ErrorResponse | undefined = json && statusCode >= 400 ? JSON.parse(json) : undefined
  const took = Math.round(elapsedTime)
  const call: CallRecord = {
    requestId: String(headers.requestid ?? request.id),
    at: Date.now() - took,
    took,
    sentBy: senderOf(headers),
    method,
    statusCode,
    outcome: state?.status ?? error?.errorCode ?? '',
    request: message(`${method} ${url}`, SENT.map((name) => [name, headers[name]]), body),
    response: message(`${statusCode} ${STATUS_CODES[statusCode]}`, Object.entries(reply.getHeaders()), state ?? error),
    error,
    log
  }
  return { call, state }
}

/** The headers that Fabric sends. */
const SENT = ['authorization', 'x-ms-client-tenant-id', 'activityid', 'requestid', 'content-type']

function message (start: string, headers: Array<[string, unknown]>, body: unknown): string {
  const lines = headers.flatMap(([name, value]) => value === undefined ? [] : [`${name}: ${cutTokens(String(value))}`])
  return [start, ...lines, ...body ? ['', JSON.stringify(body, undefined, 2)] : []].join('\n')
}

/** Shortens tokens, because others may see the screen. */
const cutTokens = (text: string) => text.replace(/eyJ[\w.-]{8,}/g, (token) => `${token.slice(0, 9)}…`)

/** The name of the client, as far as its headers show it. */
function senderOf (headers: IncomingHttpHeaders): string {
  const userAgent = headers['user-agent'] ?? ''
  if (userAgent === 'lightMyRequest') return 'this server, at its start'
  if (headers['sec-fetch-site'] === 'same-origin') {
    return headers.referer?.includes('/documentation') ? 'API documentation' : 'this page'
  }
  return /^[\w.-]+/.exec(userAgent)?.[0] ?? 'unknown client'
}
