import { randomBytes } from 'node:crypto'
import { Agent, get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

// A worker thread that sends requests as fast as they are answered, and reports how long each took.

/** The order that the worker gets. */
export interface FloodOrder {
  url: string
  headers: Record<string, string>
  /** The second part of an app token, to be sent under another `kid` each time. Without it the headers are sent as they are. */
  payload?: string | undefined
  /** How many requests; if absent, requests are sent until a message arrives. */
  amount?: number | undefined
  connections: number
}

/** Its report. */
export interface FloodReport {
  /** How often each status was answered. */
  statuses: Record<number, number>
  /** How long each answer took, in milliseconds. */
  latencies: Float64Array
  seconds: number
}

const order: FloodOrder = workerData
const agent = new Agent({ keepAlive: true, maxSockets: order.connections })
const statuses: Record<number, number> = {}
const latencies: number[] = []
let left = order.amount ?? Infinity
parentPort?.once('message', () => { left = 0 })

const begin = performance.now()
await Promise.all(Array.from({ length: order.connections }, async () => {
  while (left-- > 0) {
    const headers = order.payload === undefined ? order.headers : { ...order.headers, authorization: withUnknownKid(order.payload) }
    const sent = performance.now()
    const status = await send(headers)
    latencies.push(performance.now() - sent)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
}))
const report: FloodReport = { statuses, latencies: Float64Array.from(latencies), seconds: (performance.now() - begin) / 1000 }
agent.destroy()
parentPort?.postMessage(report)
// What has been posted arrives; listening any longer would keep the worker alive.
parentPort?.close()

function send (headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    get(order.url, { agent, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0))
    }).once('error', reject)
  })
}

/** The signature of a token with an unknown key is not verified: random bytes are enough. */
function withUnknownKid (payload: string): string {
  const head = Buffer.from(JSON.stringify({ typ: 'JWT', alg: 'RS256', kid: randomBytes(20).toString('base64url') }))
  const token = `${head.toString('base64url')}.${payload}.${randomBytes(256).toString('base64url')}`
  return `SubjectAndAppToken1.0 subjectToken="", appToken="${token}"`
}
