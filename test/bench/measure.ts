import type { Contender, Registration } from './contender.js'
import type { Measurement } from './figures.js'
import { generateLoad } from './load.js'
import type { Requests } from './requests.js'
import { ServerProcess } from './server-process.js'

/** How a contender is measured. */
export interface Conditions {
  requests: Requests
  registration: Registration
  /** How long the load lasts. */
  seconds: number
  /** Requests a second; left out, as many as the server answers. */
  rate?: number
  /** Node's own options for the server's process. */
  execArgv?: string[]
}

/** For so long, in seconds, and until each request has come once, a server is warmed up. */
const WARM_UP = 1.5

/** Starts a contender's server, warms it up, measures it, and ends it. */
export async function measure (contender: Contender, conditions: Conditions): Promise<Measurement> {
  const { requests, registration, seconds, rate, execArgv } = conditions
  const server = await ServerProcess.start(contender, registration, execArgv)
  try {
    const load = {
      port: server.port,
      requests: requests[contender.requests ?? 'seen'],
      connections: contender.connections ?? 50,
      statusCode: contender.statusCode ?? 200
    }
    await generateLoad({ ...load, seconds: WARM_UP, atLeast: load.requests.length })
    const before = await server.usage()
    const { responses, seconds: taken, latency } = await generateLoad({ ...load, seconds, ...(rate !== undefined && { rate }) })
    const after = await server.usage()
    return {
      requestsPerSecond: responses / taken,
      cpu: (after.cpu - before.cpu) / responses,
      p50: latency.percentile(50) / 1e6,
      p99: latency.percentile(99) / 1e6,
      peakMemory: after.peakMemory
    }
  } finally {
    await server.stop()
  }
}
