// Twice as many polls as the server can answer, for a minute; once as it is, and once with the shedding that the README
// recommends. The resolver keeps the processor busy for half a millisecond, as a driver of a database may.
//
//   npm run soak:overload
//   npm run soak:overload -- --seconds 10

import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'

import type { FastifyUnderPressureOptions } from '@fastify/under-pressure'

import { createFabric } from '../../lib/testing/index.js'
import { type Answer, connectClients } from '../bench/client.js'
import { pollAsBytes } from './callers.js'
import { isOnContract } from './contract.js'
import { quantile } from './figures.js'
import { knownJobs } from './known-jobs.js'
import { sendQuestions } from './load.js'
import { WorkloadProcess } from './workload-process.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '400' },
    work: { type: 'string', default: '0.5' }
  }
})
const overloaded = Number(values.seconds) * 1_000
/** Half of what the server can answer comes before, to compare, and after, to see it recover; in milliseconds. */
const [BEFORE, AFTER] = [5_000, 15_000]

/** The load shedding that the README recommends. */
const SHEDDING: FastifyUnderPressureOptions = { maxEventLoopDelay: 100, sampleInterval: 100, retryAfter: 60 }
const SHED = '{"errorCode":"ServiceUnavailable","message":"The workload responded: Service Unavailable.",' +
  '"source":"System","isPermanent":false}'

const fabric = createFabric()
const endpoint = await fabric.listen()
const headers = await fabric.headers()
const polls = knownJobs.map((job) => ({ job, bytes: pollAsBytes(job, headers) }))

/** One answer; in milliseconds. */
interface Answered {
  isShed: boolean
  /** Since the load began. */
  due: number
  /** From then on until the answer. */
  took: number
}

function isShed (answer: Answer, { job }: typeof polls[number]): boolean {
  const body = answer.body.toString()
  if (isOnContract(answer)) {
    if (answer.statusCode === job.statusCode && body === job.body) return false
    if (answer.statusCode === 503 && body === SHED && /\r\nretry-after: 60\r\n/i.test(answer.head)) return true
  }
  throw new Error(`An answer that was not expected: ${answer.head}\n\n${body}`)
}

/** Starts a server and polls it; returns all responses, and how many polls were due. */
async function answersOf (underPressure: FastifyUnderPressureOptions | undefined, seconds: number, rate?: (elapsed: number) => number) {
  const workload = await WorkloadProcess.start({
    authentication: endpoint.authentication, work: Number(values.work), ...(underPressure && { underPressure })
  })
  const clients = await connectClients(workload.port, Number(values.connections))
  let asked = 0
  const next = () => polls[asked++ % polls.length]
  await sendQuestions(clients, { seconds: 2, next, onAnswer: () => {} })

  const answers: Answered[] = []
  const begin = performance.now()
  await sendQuestions(clients, {
    seconds,
    ...(rate && { rate }),
    next,
    onAnswer: (answer, poll, took) =>
      answers.push({ isShed: isShed(answer, poll), due: performance.now() - took - begin, took })
  })
  clients.forEach((client) => client.close())
  const { exitCode } = await workload.stop()
  assert.equal(exitCode, 0)
  return answers
}

const SECONDS = 5
const capacity = (await answersOf(undefined, SECONDS)).length / SECONDS
console.log(`The server can answer ${capacity.toFixed(0)} polls a second here; twice that for ${values.seconds} s, ` +
  'half of it before and after. Times are from when a poll was due; in ms:')

const isOverload = (elapsed: number) => elapsed >= BEFORE && elapsed < BEFORE + overloaded
const rate = (elapsed: number) => isOverload(elapsed) ? capacity * 2 : capacity / 2

async function figuresOf (underPressure?: FastifyUnderPressureOptions) {
  const answers = await answersOf(underPressure, (BEFORE + overloaded + AFTER) / 1_000, rate)
  const during = answers.filter(({ due }) => isOverload(due))
  const took = (of: Answered[], share: number) => Number(quantile(of.map(({ took }) => took), share).toFixed(0))
  const [before, accepted, shed] = [
    answers.filter(({ due }) => due < BEFORE), during.filter(({ isShed }) => !isShed), during.filter(({ isShed }) => isShed)
  ]
  const sent = answers.length - before.length - during.length
  const recovered = recoveryOf(answers, 50 + 3 * took(before, 0.99))
  return {
    'before, median': took(before, 0.5),
    'before, 99%': took(before, 0.99),
    accepted: accepted.length,
    'accepted, median': took(accepted, 0.5),
    'accepted, 99%': took(accepted, 0.99),
    shed: shed.length,
    'shed, median': took(shed, 0.5),
    'shed, 99%': took(shed, 0.99),
    'never sent': Math.max(0, Math.round(capacity * (overloaded * 2 + AFTER / 2) / 1_000) - during.length - sent),
    'recovered after (s)': recovered
  }
}

/** When the last poll was due that was shed or slow, in seconds since the overload ended; infinite if that is how it went on. */
function recoveryOf (answers: readonly Answered[], slow: number): number {
  const end = BEFORE + overloaded
  const bad = answers.filter(({ due, isShed, took }) => due >= end && (isShed || took > slow))
  const last = Math.max(end, ...bad.map(({ due }) => due))
  const wasServed = answers.some(({ due }) => due > end + AFTER - 1_000)
  return wasServed && last < end + AFTER - 1_000 ? Number(((last - end) / 1_000).toFixed(1)) : Infinity
}

const [asItIs, shedding] = [await figuresOf(), await figuresOf(SHEDDING)]
await endpoint.close()
console.table({ 'as it is': asItIs, shedding })

assert.ok(shedding.shed > 0, 'some polls were shed')
assert.ok(shedding.accepted > 0, 'some polls were accepted')
assert.ok(shedding['accepted, 99%'] < asItIs['accepted, 99%'], 'shedding bounds the latency of what is accepted')
assert.ok(shedding['recovered after (s)'] < 10, 'the server recovers within seconds')
