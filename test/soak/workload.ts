/** The process of a workload's server: sends its port, and its usage when asked; stops at SIGTERM. */
import { setTimeout } from 'node:timers/promises'

import underPressure, { type FastifyUnderPressureOptions } from '@fastify/under-pressure'
import Fastify, { type FastifyServerOptions } from 'fastify'

import fabricJobState, { type AuthenticationOptions } from '../../lib/index.js'
import { resolveKnownJob } from './known-jobs.js'

/** The configuration of the process. */
export interface WorkloadOrder {
  authentication: AuthenticationOptions
  /** Of the resolver, in milliseconds: anything between none and this. */
  longestDelay?: number
  /** How long the resolver keeps the processor busy, in milliseconds. */
  work?: number
  server?: FastifyServerOptions
  underPressure?: FastifyUnderPressureOptions
}

/** Its usage, after a garbage collection with `--expose-gc`. */
export interface WorkloadUsage {
  /** In bytes. */
  heap: number
  resident: number
  /** The resources that keep the process alive, by kind. */
  handles: Record<string, number>
}

const { authentication, longestDelay = 0, work = 0, server, ...order }: WorkloadOrder = JSON.parse(process.argv[2] ?? '')

const app = Fastify({ routerOptions: { maxParamLength: 256 }, return503OnClosing: false, ...server })
if (order.underPressure !== undefined) await app.register(underPressure, order.underPressure)
await app.register(fabricJobState, {
  authentication,
  async resolveJobState (job) {
    const delay = Math.random() * longestDelay
    if (delay >= 1) await setTimeout(delay)
    for (const end = performance.now() + work; performance.now() < end;);
    return resolveKnownJob(job)
  }
})

/** Requests that have come in whole, as far as HTTP wants them to. */
let accepted = 0
app.server.on('request', () => { accepted++ })

process.on('message', () => process.send?.(usage()))
process.once('SIGTERM', async () => {
  await app.close()
  process.send?.(accepted)
  // All that is left is the channel to who started the process.
  process.disconnect()
})
const origin = await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.(Number(new URL(origin).port))

function usage (): WorkloadUsage {
  globalThis.gc?.()
  const { heapUsed: heap, rss: resident } = process.memoryUsage()
  const handles: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1
  return { heap, resident, handles }
}
