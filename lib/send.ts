import type { FastifyReply } from 'fastify'

import type { ErrorResponse, ItemJobInstanceState } from '../schemas/index.js'

/**
 * Sends a body as text that is final: the host's serializers and preSerialization hooks are for its own objects, and
 * what comes here has already been made by the schema.
 */
export function send (reply: FastifyReply, statusCode: number, body: ItemJobInstanceState | ErrorResponse): void {
  reply
    .code(statusCode)
    .header('content-type', 'application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .serializer(asItIs)
    .send(JSON.stringify(body))
}

function asItIs (text: string): string {
  return text
}
