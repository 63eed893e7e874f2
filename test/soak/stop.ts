// SIGTERM in the middle of 5,000 polls a second, authenticated, over connections that are kept: which polls are
// answered, and how soon the process has come to its end.
//
//   npm run soak:stop
//   npm run soak:stop -- --rate 2000 --connections 500

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { createFabric } from '../../lib/testing/index.js'
import { type Answer, type Client, connectClients } from '../bench/client.js'
import { pollAsBytes } from './callers.js'
import { isOnContract } from './contract.js'
import { milliseconds, spread, Tally } from './figures.js'
import { knownJobs } from './known-jobs.js'
import { WorkloadProcess } from './workload-process.js'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '5000' },
    connections: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '5' }
  }
})
const rate = Number(values.rate)

const fabric = createFabric()
const endpoint = await fabric.listen()
const workload = await WorkloadProcess.start({ authentication: endpoint.authentication, longestDelay: 50 })
const headers = await fabric.headers()
const polls = knownJobs.map((job) => ({ job, bytes: pollAsBytes(job, headers) }))

const idle = new Set<Client>(await connectClients(workload.port, Number(values.connections)))
const [before, after] = [new Tally(), new Tally()]
const latencies: number[] = []
let answers = 0
let stoppedAt = Infinity

/** Sends a poll over a connection; a connection that the server ends is used no more. */
function send (client: Client, poll: typeof polls[number]): void {
  const sent = performance.now()
  const tally = sent < stoppedAt ? before : after
  let isWaiting = true
  idle.delete(client)
  client.send(poll.bytes, (_, answer) => {
    if (!isWaiting) idle.delete(client)
    else if (answer === undefined) tally.add(NONE)
    else {
      answers++
      latencies.push(performance.now() - sent)
      tally.add(outcomeOf(answer, poll.job))
      if (!/\r\nconnection: close\r\n/i.test(answer.head)) idle.add(client)
    }
    isWaiting = false
  })
}

const NONE = 'none: sent over a connection that the server was closing'

function outcomeOf (answer: Answer, job: typeof knownJobs[number]): string | number {
  const isExpected = isOnContract(answer) && answer.statusCode === job.statusCode && answer.body.toString() === job.body
  return isExpected ? answer.statusCode : 'UNEXPECTED'
}

/** Polls at the rate until all connections are closed. */
async function load (): Promise<number> {
  const begin = performance.now()
  let sent = 0
  for (let due = begin; performance.now() < begin + 60_000;) {
    for (const now = performance.now(); due <= now; due += 1_000 / rate) {
      const [client] = idle
      const poll = polls[sent % polls.length]
      if (client === undefined || poll === undefined) break
      send(client, poll)
      sent++
    }
    if (ended.signal.aborted && idle.size === 0) return sent
    await new Promise(setImmediate)
  }
  throw new Error('A minute after its stop the server has still connections')
}

/** Whether a new connection is accepted. */
async function isAccepted (): Promise<boolean> {
  const socket = connect(workload.port, '127.0.0.1')
  const isOpen = await once(socket, 'connect').then(() => true, () => false)
  socket.destroy()
  return isOpen
}

const ended = new AbortController()
const loading = load()
await setTimeout(Number(values.seconds) * 1_000)
stoppedAt = performance.now()
const sentBefore = answers
const stopping = workload.stop().then((end) => {
  ended.abort()
  return { ...end, took: performance.now() - stoppedAt }
})
while (await isAccepted()) await setTimeout(1)
const refusedAfter = performance.now() - stoppedAt
let acceptedLater = 0
while (!ended.signal.aborted) {
  if (await isAccepted()) acceptedLater++
  await setTimeout(5)
}
const { exitCode, accepted, took } = await stopping
const sent = await loading
await endpoint.close()

console.log(`${sent} polls, ${(sentBefore / Number(values.seconds)).toFixed(0)} a second before SIGTERM; ${spread(latencies)}`)
console.log(`  sent before SIGTERM: ${before}`)
console.log(`  sent after it, over open connections: ${after}`)
console.log(`  accepted by the server: ${accepted}; answered: ${answers}`)
console.log(`new connections: refused ${milliseconds(refusedAfter)} after SIGTERM; accepted after the first refusal: ${acceptedLater}`)
console.log(`the process: exit code ${exitCode}, ${milliseconds(took)} after SIGTERM`)

assert.equal(answers, accepted, 'every poll that was accepted is answered')
assert.equal(before.count('UNEXPECTED') + after.count('UNEXPECTED'), 0, 'every answer is the one that was expected')
assert.equal(acceptedLater, 0)
assert.equal(exitCode, 0)
