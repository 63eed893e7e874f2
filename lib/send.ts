import type { FastifyInstance, FastifyReply } from 'fastify'

import type { ErrorResponse, ItemJobInstanceState } from '../schemas/index.js'

/** The plugin's scopes whose server has begun to close. */
const closing = new WeakSet<FastifyInstance>()

/**
 * Lets each answer that is sent while the server closes end its connection. Fastify says so to requests that come
 * then; on the connection of one that was in flight before, the server would wait for the next: up to 72 s.
 */
export function endConnectionsOnClose (app: FastifyInstance): void {
  app.addHook('preClose', (done) => {
    closing.add(app)
    done()
  })
}

/**
 * Sends a body as text that is final: the host's serializers and preSerialization hooks are for its own objects, and
 * what comes here has already been made by the schema.
 */
export function send (reply: FastifyReply, statusCode: number, body: ItemJobInstanceState | ErrorResponse): void {
  // HTTP/2 knows no such header, and tells its clients to go in its own way.
  if (closing.has(reply.server) && reply.request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
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
