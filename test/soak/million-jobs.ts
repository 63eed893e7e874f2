// What a poll costs with a million jobs stored, against a thousand, on both engines and in one run:
// npm run soak:million-jobs -- [jobs]
import { randomUUID } from 'node:crypto'

import { Queue } from 'bullmq'
import { PgBoss } from 'pg-boss'

import { bullmqJobState } from '../../lib/engines/bullmq.js'
import { pgBossJobState, withOwner } from '../../lib/engines/pg-boss.js'
import type { JobInstance, JobStateResolver } from '../../lib/index.js'
import { CALLER, Poller, someJob } from '../engines/polling.js'
import { median, milliseconds } from './figures.js'
import { postgres, redis } from './services.js'

const FEW = 1_000
const MANY = Number(process.argv[2] ?? 1_000_000)
const BATCH = 5_000
const ROUNDS = 60
const POLLS_PER_ROUND = 100

/** Jobs in an engine, and a way to ask for them. */
interface Stock {
  poller: Poller
  ids: string[]
}

async function fill (count: number, insert: (jobs: JobInstance[]) => Promise<unknown>): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) {
    const jobs = Array.from({ length: Math.min(BATCH, count - ids.length) }, () => someJob())
    await insert(jobs)
    ids.push(...jobs.map(({ jobInstanceId }) => jobInstanceId))
  }
  return ids
}

function stock (resolveJobState: JobStateResolver, ids: string[]): Stock {
  return { poller: new Poller(resolveJobState), ids }
}

const anyOf = (ids: string[]) => ids[Math.floor(Math.random() * ids.length)] ?? ''

/** Milliseconds that a poll takes in the middle of a round, one poll after the other. */
async function round (poller: Poller, statusCode: number, job: () => JobInstance): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < POLLS_PER_ROUND; i++) {
    const asked = job()
    const begin = performance.now()
    const response = await poller.response(asked)
    times.push(performance.now() - begin)
    if (response.statusCode !== statusCode) throw new Error(response.body)
  }
  return median(times)
}

/** Rounds of two kinds in turn, so that the machine's other work falls on both. */
async function compare (names: [string, string], rounds: [() => Promise<number>, () => Promise<number>]): Promise<void> {
  const times: [number[], number[]] = [[], []]
  for (let i = 0; i < ROUNDS; i++) {
    for (const k of i % 2 === 0 ? [0, 1] as const : [1, 0] as const) times[k].push(await rounds[k]())
  }
  const [first, second] = [median(times[0]), median(times[1])]
  const ratios = times[0].map((time, i) => (times[1][i] ?? NaN) / time)
  const ratio = median(ratios).toFixed(3)
  console.log(`  ${names[0]}: ${milliseconds(first)}   ${names[1]}: ${milliseconds(second)}   ratio ${ratio}`)
}

async function measure (few: Stock, many: Stock): Promise<void> {
  const known = ({ poller, ids }: Stock) => () => round(poller, 200, () => someJob({ jobInstanceId: anyOf(ids) }))
  await known(few)()
  await known(many)()
  await compare([`one of ${FEW}`, `one of ${MANY}`], [known(few), known(many)])
  await compare(['an unknown id', "another item's job"], [
    () => round(many.poller, 404, () => someJob()),
    () => round(many.poller, 404, () => someJob({ jobInstanceId: anyOf(many.ids), itemId: randomUUID() }))
  ])
}

async function pgBoss (): Promise<void> {
  const service = await postgres()
  const open = async (schema: string, count: number) => {
    const options = { connectionString: service.url, schema, supervise: false, schedule: false }
    const boss = await new PgBoss(options).on('error', console.error).start()
    await boss.createQueue('calculateForecast')
    const ids = await fill(count, (jobs) =>
      boss.insert('calculateForecast', jobs.map((job) => withOwner(job, CALLER, { seconds: 10 }))))
    await boss.getDb().executeSql(`ANALYZE ${schema}.job_common`)
    return { boss, ...stock(pgBossJobState(boss), ids) }
  }
  const [few, many] = [await open('few', FEW), await open('many', MANY)]
  console.log(`pg-boss on PostgreSQL, ${MANY} jobs`)
  const before = await scans(many.boss)
  await measure(few, many)

  const db = many.boss.getDb()
  const job = someJob({ jobInstanceId: anyOf(many.ids) })
  const executeSql = db.executeSql.bind(db)
  db.executeSql = async (text, values) => {
    const { rows } = await executeSql(`EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) ${text}`, values)
    console.log(rows.map((row) => `    ${row['QUERY PLAN']}`).join('\n'))
    return executeSql(text, values)
  }
  await many.poller.poll(job)
  db.executeSql = executeSql
  const after = await scans(many.boss)
  console.log(`  all these polls: ${after.byKey - before.byKey} scans of the primary key, ` +
    `${after.sequential - before.sequential} of the table`)
  await few.boss.stop({ graceful: false })
  await many.boss.stop({ graceful: false })
  await service.remove()
}

async function scans (boss: PgBoss): Promise<{ byKey: number, sequential: number }> {
  // PostgreSQL counts with a delay otherwise.
  await boss.getDb().executeSql('SELECT pg_stat_force_next_flush()')
  const { rows: [row] } = await boss.getDb().executeSql(
    `SELECT t.seq_scan, i.idx_scan FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
     WHERE t.schemaname = 'many' AND i.indexrelname = 'job_common_pkey'`)
  return { byKey: Number(row.idx_scan), sequential: Number(row.seq_scan) }
}

async function bullmq (): Promise<void> {
  const service = await redis()
  const open = async (prefix: string, count: number) => {
    const queue = new Queue('calculateForecast', { connection: { url: service.url }, prefix })
    const ids = await fill(count, (jobs) => queue.addBulk(jobs.map((job) => {
      const { id, data } = withOwner(job, CALLER, { seconds: 10 })
      return { name: job.jobType, data, opts: { jobId: id } }
    })))
    return { queue, ...stock(bullmqJobState(queue), ids) }
  }
  const [few, many] = [await open('few', FEW), await open('many', MANY)]
  console.log(`BullMQ on Redis, ${MANY} jobs`)
  await measure(few, many)

  const client = await many.queue.getBackend().client
  const calls = async () => Number(/cmdstat_hmget:calls=(\d+)/.exec(await info(client))?.[1] ?? 0)
  const callsBefore = await calls()
  for (let i = 0; i < 1_000; i++) await many.poller.poll(someJob({ jobInstanceId: anyOf(many.ids) }))
  console.log(`  1000 polls: ${await calls() - callsBefore} HMGET`)

  const own: number[] = []
  for (let i = 0; i < 100; i++) {
    const begin = performance.now()
    await many.queue.getJobState(anyOf(many.ids))
    own.push(performance.now() - begin)
  }
  console.log(`  for comparison, BullMQ's getState of a waiting job: ${milliseconds(median(own))}`)
  await few.queue.close()
  await many.queue.close()
  await service.remove()
}

/** INFO with the counts of commands: the interface knows no arguments, ioredis does. */
async function info (client: { info: () => Promise<string> }): Promise<string> {
  const call: unknown = Reflect.get(client, 'info')
  return typeof call === 'function' ? String(await call('commandstats')) : ''
}

await pgBoss()
await bullmq()
