// Half of what the server can answer, for half an hour: authenticated, tokens that expire and are replaced, keys that
// rotate and are withdrawn, a resolver that takes from 0 to 50 ms. Every body is checked. The server's heap and handles
// have to be at the end what they were after the first minute.
//
//   npm run soak
//   npm run soak -- --minutes 1 --plot soak.svg

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { createFabric } from '../../lib/testing/index.js'
import { type Answer, connectClients } from '../bench/client.js'
import { Callers, type KnownPoll } from './callers.js'
import { isOnContract } from './contract.js'
import { Tally } from './figures.js'
import { sendQuestions } from './load.js'
import { plot } from './plot.js'
import type { WorkloadUsage } from './workload.js'
import { WorkloadProcess } from './workload-process.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    connections: { type: 'string', default: '300' },
    plot: { type: 'string' }
  }
})
const seconds = Number(values.minutes) * 60
/** A shorter run has its first third instead of the first minute. */
const firstSeconds = Math.min(60, seconds / 3)
const LONGEST_DELAY = 50
const USERS = 200
const CLOCK_TOLERANCE = 20
/** The server asks for new keys at most once in 30 seconds, and a slow machine is given another five. */
const NEW_KEY_MAY_BE_UNKNOWN_FOR = 35_000
/** The heap may differ by what is in flight and remembered at the moment: so many bytes. */
const HEAP_MAY_GROW_BY = 6 * 2 ** 20

const fabric = createFabric()
const endpoint = await fabric.listen()
const workload = await WorkloadProcess.start({
  authentication: { ...endpoint.authentication, clockTolerance: CLOCK_TOLERANCE }, longestDelay: LONGEST_DELAY
})
const callers = new Callers(fabric, CLOCK_TOLERANCE)
await callers.begin(USERS)
const clients = await connectClients(workload.port, Number(values.connections))

const REFUSED = '{"errorCode":"AuthenticationFailed","message":"The request could not be authenticated.",' +
  '"source":"External","isPermanent":false}'
const outcomes = new Tally()
const unexpected: string[] = []
/** In microseconds: of all polls, and of those since the last sample. */
const [latency, recent] = [createHistogram(), createHistogram()]

function onAnswer (answer: Answer, poll: KnownPoll, milliseconds: number): void {
  for (const histogram of [latency, recent]) histogram.record(Math.max(1, Math.round(milliseconds * 1_000)))
  const body = answer.body.toString()
  const name = isOnContract(answer) ? nameOf(answer.statusCode, body, poll) : undefined
  outcomes.add(name ?? 'UNEXPECTED')
  if (name === undefined && unexpected.length < 5) unexpected.push(`${answer.head}\n${body}`)
}

/** The name of an expected response. */
function nameOf (statusCode: number, body: string, { job, tokens, isExpired }: KnownPoll): string | undefined {
  if (statusCode === 401 && body === REFUSED) {
    if (isExpired) return '401 for tokens that have expired'
    const isNewKey = Date.now() - tokens.keySince < NEW_KEY_MAY_BE_UNKNOWN_FOR
    return isNewKey ? '401 for a new key, in the cool-down' : undefined
  }
  return !isExpired && statusCode === job.statusCode && body === job.body ? String(statusCode) : undefined
}

/** Polls for so long; then all answers have come, and the server is quiet. */
async function poll (seconds: number, rate?: number): Promise<void> {
  await sendQuestions(clients, { seconds, ...(rate !== undefined && { rate }), next: () => callers.next(), onAnswer })
}

interface Sample extends WorkloadUsage {
  minute: number
  /** In milliseconds: the time below which 99% of the polls since the last sample were answered. */
  p99: number
}

async function sample (): Promise<Sample> {
  const p99 = recent.percentile(99) / 1_000
  recent.reset()
  return { ...await workload.usage(), minute: (performance.now() - begin) / 60_000, p99 }
}

/** Polls, and samples meanwhile; the last sample is that of the quiet server. */
async function sampled (seconds: number, rate: number): Promise<Sample[]> {
  const samples: Sample[] = []
  const polling = poll(seconds, rate).then(() => 'over')
  for (let state = 'going on'; state !== 'over'; samples.push(await sample())) {
    state = await Promise.race([polling, setTimeout(every, 'going on')])
  }
  return samples
}

await poll(3)
latency.reset()
await poll(5)
const saturation = latency.count / 5
latency.reset()
recent.reset()
console.log(`The server can answer ${saturation.toFixed(0)} polls a second here; half of that for ${seconds} s:`)

const begin = performance.now()
const every = Math.max(1_000, seconds * 1_000 / 180)
const samples = await sampled(firstSeconds, saturation / 2)
const first = samples.at(-1)
samples.push(...await sampled(seconds - firstSeconds, saturation / 2))
const last = samples.at(-1)
const took = (performance.now() - begin) / 1_000
callers.end()
clients.forEach((client) => client.close())
const { exitCode } = await workload.stop()
await endpoint.close()

if (values.plot !== undefined) writeFileSync(values.plot, plotOf(samples))
const milliseconds = (share: number) => `${(latency.percentile(share) / 1_000).toFixed(1)} ms`
console.log(`Answers, with those of the measurement before: ${outcomes}`)
console.log(`${latency.count} polls, ${(latency.count / took).toFixed(0)} a second`)
console.log(`  median ${milliseconds(50)}, 99% ${milliseconds(99)}, longest ${milliseconds(100)}; the resolver takes up to ${LONGEST_DELAY} ms`)
console.log(`  ${callers.rotations} rotations of keys, ${callers.renewals} pairs of tokens replaced`)
console.log(`after ${firstSeconds.toFixed(0)} s: ${figures(first)}`)
console.log(`at the end:  ${figures(last)}`)
console.log(`SIGTERM: exit code ${exitCode}`)
unexpected.forEach((answer) => console.log(`UNEXPECTED:\n${answer}`))

assert.equal(outcomes.count('UNEXPECTED'), 0, 'every answer is the one that was expected')
assert.ok(first !== undefined && last !== undefined)
assert.ok(last.heap - first.heap < HEAP_MAY_GROW_BY, 'the heap is what it was')
assert.ok(count(last) <= count(first) + 2, 'the handles are what they were')
assert.equal(exitCode, 0)

function figures (sample: Sample | undefined): string {
  if (sample === undefined) return 'nothing'
  const [heap, resident] = [sample.heap, sample.resident].map((bytes) => (bytes / 2 ** 20).toFixed(1))
  return `heap ${heap} MB, resident ${resident} MB, ${count(sample)} handles ${JSON.stringify(sample.handles)}`
}

function count ({ handles }: WorkloadUsage): number {
  return Object.values(handles).reduce((sum, one) => sum + one, 0)
}

function plotOf (samples: readonly Sample[]): string {
  const series = (title: string, value: (sample: Sample) => number) =>
    ({ title, points: samples.map((sample) => [sample.minute, value(sample)] as const) })
  return plot([
    series('Heap after a garbage collection (MB)', ({ heap }) => heap / 2 ** 20),
    series('Handles', count),
    series('99% of the polls were answered within (ms)', ({ p99 }) => p99)
  ])
}
