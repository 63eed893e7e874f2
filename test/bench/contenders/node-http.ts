import { once } from 'node:events'
import { createServer } from 'node:http'

import type { Listen } from '../contender.js'
import { SAMPLE_STATE } from '../sample.js'

const BODY = JSON.stringify(SAMPLE_STATE)
const HEADERS = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(BODY) }

/** What Node itself costs: the same bytes for every request. */
export const listen: Listen = async () => {
  const server = createServer((_, response) => response.writeHead(200, HEADERS).end(BODY))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
