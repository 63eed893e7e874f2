// PostgreSQL and Redis, each restarted twice in the middle of 200 polls a second: each is answered with its true state,
// or 503 EngineUnavailable.
//
//   npm run soak:engine-restarts

import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

import { Queue } from 'bullmq'
import Fastify from 'fastify'
import { PgBoss } from 'pg-boss'

import { bullmqJobState } from '../../lib/engines/bullmq.js'
import { pgBossJobState, withOwner } from '../../lib/engines/pg-boss.js'
import fabricJobState, { type JobInstance, type JobStateResolver } from '../../lib/index.js'
import { createFabric } from '../../lib/testing/index.js'
import { CALLER, someJob } from '../engines/polling.js'
import { milliseconds, spread, Tally } from './figures.js'
import { postgres, redis, type Service } from './services.js'
import { steadyLoad, type Polled } from './steady-load.js'

const JOBS = 1_000
const PER_SECOND = 200
const DOWN_FOR = 3_000
const QUIET_FOR = 7_000

async function restarts (
  name: string, service: Service, resolveJobState: JobStateResolver, jobs: JobInstance[]
): Promise<void> {
  const fabric = createFabric({ tenantId: CALLER.tenantId })
  const app = Fastify()
  await app.register(fabricJobState, { resolveJobState, authentication: fabric.authentication })
  const address = await app.listen({ port: 0 })
  const [headers, polls] = await Promise.all([
    fabric.headers(),
    Promise.all(jobs.map((job) => fabric.poll({ job, appToken: '', subjectToken: '' })))
  ])

  const polled: Polled<string>[] = []
  const events: Array<{ what: string, at: number }> = []
  const begin = performance.now()
  const note = (what: string) => events.push({ what, at: performance.now() - begin })
  let isOver = false
  const load = steadyLoad({
    perSecond: PER_SECOND,
    while: () => !isOver,
    question: () => polls[Math.floor(Math.random() * polls.length)]?.url ?? '',
    urls: (url) => [address + url],
    headers,
    onAnswer: (answer) => polled.push(answer)
  })
  for (let i = 0; i < 2; i++) {
    await setTimeout(QUIET_FOR)
    note('stopped')
    await service.stop()
    await setTimeout(DOWN_FOR)
    await service.start()
    note('started')
  }
  await setTimeout(QUIET_FOR)
  isOver = true
  await load
  await app.close()
  report(name, polled, events)
  assert.deepEqual(polled.filter((poll) => !isTrue(poll)), [], 'nothing else was answered')
  assert.equal(polled.at(-1)?.outcome, 200, 'the engine is back')
}

function report (name: string, polled: Polled<string>[], events: Array<{ what: string, at: number }>): void {
  const outcomes = new Tally()
  const states = new Tally()
  for (const { outcome, body } of polled) {
    outcomes.add(outcome === 503 ? `503 ${body?.errorCode}` : outcome)
    if (outcome === 200) states.add(String(body?.status))
  }
  console.log(`${name}: ${polled.length} polls; ${outcomes}; states: ${states}`)
  for (const outcome of [200, 503]) {
    const such = polled.filter((poll) => poll.outcome === outcome)
    console.log(`  ${outcome}: ${spread(such.map(({ asked, answered }) => answered - asked))}`)
  }
  for (const { what, at } of events) {
    if (what === 'stopped') {
      const first = polled.find(({ outcome, answered }) => outcome === 503 && answered >= at)
      console.log(`  first 503 ${milliseconds((first?.answered ?? NaN) - at)} after the engine began to stop`)
    } else {
      const last = polled.filter(({ outcome, asked }) => outcome === 503 && asked >= at && asked < at + QUIET_FOR).at(-1)
      const first = polled.find(({ outcome, asked }) => outcome === 200 && asked >= (last?.asked ?? at))
      console.log(`  all 200 again ${milliseconds((first?.asked ?? NaN) - at)} after it was up`)
    }
  }
}

/** No worker takes the jobs: they have not been started. */
function isTrue ({ outcome, body }: Polled<string>): boolean {
  if (outcome === 200) return body?.status === 'NotStarted'
  return outcome === 503 && body?.errorCode === 'EngineUnavailable'
}

async function pgBoss (): Promise<void> {
  const service = await postgres()
  const options = { connectionString: service.url, supervise: false, schedule: false }
  const boss = await new PgBoss(options).on('error', () => {}).start()
  await boss.createQueue('calculateForecast')
  const jobs = Array.from({ length: JOBS }, () => someJob())
  await boss.insert('calculateForecast', jobs.map((job) => withOwner(job, CALLER, {})))
  await restarts('pg-boss on PostgreSQL', service, pgBossJobState(boss), jobs)
  await boss.stop({ graceful: false })
  await service.remove()
}

async function bullmq (): Promise<void> {
  const service = await redis()
  const connection = { url: service.url, retryStrategy: (times: number) => Math.min(times * 50, 1_000) }
  const queue = new Queue('calculateForecast', { connection }).on('error', () => {})
  const jobs = Array.from({ length: JOBS }, () => someJob())
  await queue.addBulk(jobs.map((job) => {
    const { id, data } = withOwner(job, CALLER, {})
    return { name: job.jobType, data, opts: { jobId: id } }
  }))
  await restarts('BullMQ on Redis', service, bullmqJobState(queue), jobs)
  await queue.close()
  await service.remove()
}

await pgBoss()
await bullmq()
