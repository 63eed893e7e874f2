// A flood of tokens with unknown keys: how often the server fetches keys because of it, and how long a valid caller waits
// of it. Each figure stands beside that of a quiet server, and of a flood without any token, in the same process.
//
//   npm run soak:unknown-kids -- --tokens 100000

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'

import Fastify from 'fastify'

import fabricJobState from '../../lib/index.js'
import type { InternalAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { defaultTiming, jwksFetch } from '../../lib/subject-and-app/signing-keys.js'
import { createFabric } from '../../lib/testing/index.js'
import type { FloodOrder, FloodReport } from './flood.js'

const { values } = parseArgs({
  options: { tokens: { type: 'string', default: '100000' }, connections: { type: 'string', default: '20' } }
})
const [amount, connections] = [Number(values.tokens), Number(values.connections)]

const fabric = createFabric()
const endpoint = await fabric.listen()
let fetches = 0
const authentication: InternalAuthenticationOptions = {
  ...endpoint.authentication,
  [jwksFetch]: (url, init) => {
    fetches++
    return fetch(url, init)
  }
}
const app = Fastify()
await app.register(fabricJobState, { resolveJobState: () => ({ status: 'InProgress' }), authentication })
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

const { url: path, headers } = await fabric.poll()
const url = origin + path
const { authorization, ...withoutTokens } = headers
const [, payload] = (await fabric.appToken()).split('.')

const quiet = { valid: await pollsDuring(() => setTimeout(5_000)) }
const fetchesBefore = fetches
const unknown = await during({ url, headers, payload, amount, connections })
const fetchesDuring = fetches - fetchesBefore
const tokenless = await during({ url, headers: withoutTokens, amount, connections })
await app.close()
await endpoint.close()

const allowed = 1 + Math.floor(unknown.flood.seconds / (defaultTiming.coolDown / 1000))
console.log(`${amount} tokens with unknown kids in ${unknown.flood.seconds.toFixed(1)} s: ${fetchesDuring} fetches, ${allowed} allowed`)
console.log(`${amount} requests without tokens in ${tokenless.flood.seconds.toFixed(1)} s`)
console.log('The polls of a valid caller, one after the other:')
console.table({
  quiet: row(quiet.valid),
  'flood of unknown kids': row(unknown.valid),
  'flood without tokens': row(tokenless.valid)
})
assert.deepEqual(unknown.flood.statuses, { 401: amount })
assert.deepEqual(tokenless.flood.statuses, { 401: amount })
for (const { valid } of [quiet, unknown, tokenless]) assert.deepEqual(Object.keys(valid.statuses), ['200'])
assert.ok(fetchesDuring <= allowed)

async function during (order: FloodOrder): Promise<{ flood: FloodReport, valid: FloodReport }> {
  const flood = start(order)
  const valid = await pollsDuring(() => flood.report)
  return { flood: await flood.report, valid }
}

/** A valid caller's polls, one after the other, for as long as something else goes on. */
async function pollsDuring (something: () => Promise<unknown>): Promise<FloodReport> {
  const { worker, report } = start({ url, headers, connections: 1 })
  await something()
  worker.postMessage('stop')
  return report
}

function start (order: FloodOrder): { worker: Worker, report: Promise<FloodReport> } {
  const worker = new Worker(new URL('./flood.js', import.meta.url), { workerData: order })
  return { worker, report: once(worker, 'message').then(([report]) => report) }
}

/** Milliseconds, and how many times as many as on the quiet server. */
function row ({ latencies }: FloodReport): Record<string, number> {
  const figures: Record<string, number> = { polls: latencies.length }
  for (const [name, share] of [['median', 0.5], ['99th', 0.99], ['longest', 1]] as const) {
    const time = quantile(latencies, share)
    figures[`${name} (ms)`] = Number(time.toFixed(2))
    figures[`${name} / quiet`] = Number((time / quantile(quiet.valid.latencies, share)).toFixed(1))
  }
  return figures
}

function quantile (latencies: Float64Array, share: number): number {
  return latencies.toSorted()[Math.ceil(latencies.length * share) - 1] ?? NaN
}
