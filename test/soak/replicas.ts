// Three replicas over one PostgreSQL, 200 polls a second, jobs running; one is killed, one is stopped:
// npm run soak:replicas
// Each response is compared with the changes of the job that a trigger of the database has recorded.
import { randomUUID } from 'node:crypto'
import { devNull } from 'node:os'
import { setTimeout } from 'node:timers/promises'

import { PgBoss } from 'pg-boss'

import { createFabric } from '../../lib/testing/index.js'
import { spread, Tally } from './figures.js'
import { Replica } from './replica.js'
import { freePort, postgres } from './services.js'
import { steadyLoad, type Polled } from './steady-load.js'

const PER_SECOND = 200
const JOBS = 12
const JOB_SECONDS = 25

const fabric = createFabric()
const { authentication, close: closeIssuer } = await fabric.listen()
const headers = await fabric.headers()

/** One state of a job, and when the database recorded it. */
interface Truth {
  state: string
  startedOn: string | null
  at: number
}

/** Records every change of every job with a trigger of the database. */
async function keepHistory (boss: PgBoss): Promise<void> {
  await boss.getDb().executeSql(`
    CREATE TABLE public.history (id uuid, state text, started_on timestamptz, at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION public.record_change () RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO public.history VALUES (NEW.id, NEW.state, NEW.started_on); RETURN NULL; END $$;
    CREATE TRIGGER history AFTER INSERT OR UPDATE ON pgboss.job_common FOR EACH ROW EXECUTE FUNCTION public.record_change();`)
}

async function history (boss: PgBoss): Promise<Map<string, Truth[]>> {
  const { rows } = await boss.getDb().executeSql(
    'SELECT id, state, started_on AS "startedOn", extract(epoch FROM at) * 1000 AS at FROM public.history ORDER BY at')
  const truths = new Map<string, Truth[]>()
  for (const { id, state, startedOn, at } of rows) {
    const truth = { state, startedOn: startedOn && new Date(startedOn).toISOString(), at: Number(at) }
    truths.set(id, [...truths.get(id) ?? [], truth])
  }
  return truths
}

/** The status and start of a row, by the table of states. */
function statusOf ({ state, startedOn }: Truth): string {
  const status = { completed: 'Completed', failed: 'Failed', cancelled: 'Cancelled' }[state]
  return `${status ?? (startedOn === null ? 'NotStarted' : 'InProgress')} ${startedOn ?? ''}`
}

/** How much later than it is recorded a change is visible, at most, in milliseconds: when its transaction is committed. */
const COMMIT = 250

/** True if the job had the reported state at some moment between the request and the response. */
function isTrue ({ body, asked, answered }: Polled<string>, truths: Truth[], begin: number): boolean {
  const said = `${body?.status} ${body?.startTimeUtc ?? ''}`
  return truths.some((truth, i) => {
    const until = (truths[i + 1]?.at ?? Infinity) + COMMIT
    return statusOf(truth) === said && truth.at <= begin + answered && until >= begin + asked
  })
}

const service = await postgres()
const replicas = await Promise.all(Array.from({ length: 3 }, async () => new Replica({
  port: await freePort(), databaseUrl: service.url, fabric, authentication, log: devNull, settings: { LOG_LEVEL: 'silent' }
})))
await Promise.all(replicas.map((replica) => replica.isReady()))
const options = { connectionString: service.url, supervise: false, schedule: false }
const boss = await new PgBoss(options).on('error', console.error).start()
await keepHistory(boss)

const jobs: Map<string, string> = new Map(await Promise.all(Array.from({ length: JOBS }, async () => {
  const id = randomUUID()
  const { url } = await fabric.poll({ job: { jobInstanceId: id }, appToken: '', subjectToken: '' })
  return [id, url] as const
})))
let turn = 0
/** All replicas, another one first each time. */
const inTurn = () => {
  turn++
  return replicas.map((_, i) => `${replicas[(turn + i) % replicas.length]?.url}/workload-api`)
}
for (const path of jobs.values()) {
  const response = await fetch(`${inTurn()[0]}${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ invokeType: 'Manual', creationPayload: { seconds: JOB_SECONDS } })
  })
  if (response.status !== 202) throw new Error(await response.text())
}

const ids: string[] = [...jobs.keys()]
const polled: Polled<string>[] = []
const completed = new Set<string>()
let goOnUntil = Infinity
const begin = Date.now()
const load = steadyLoad({
  perSecond: PER_SECOND,
  while: () => Date.now() < goOnUntil && Date.now() - begin < 180_000,
  question: () => ids[Math.floor(Math.random() * ids.length)] ?? '',
  urls: (id) => inTurn().map((url) => url + jobs.get(id)),
  headers,
  onAnswer (answer) {
    polled.push(answer)
    if (answer.body?.status === 'Completed') completed.add(answer.question)
    // A while longer, to see that they stay so.
    if (completed.size === JOBS) goOnUntil = Math.min(goOnUntil, Date.now() + 3_000)
  }
})

await setTimeout(8_000)
const killedAt = Date.now()
await replicas[0]?.end('SIGKILL')
await setTimeout(8_000)
const stoppedAt = Date.now()
const exitCode = await replicas[1]?.end('SIGTERM')
const stopTook = Date.now() - stoppedAt
await load

const truths = await history(boss)
const outcomes = new Tally()
const states = new Tally()
let untrue = 0
for (const poll of polled) {
  outcomes.add(poll.outcome)
  states.add(poll.body?.status ?? 'none')
  if (poll.outcome === 200 && !isTrue(poll, truths.get(poll.question) ?? [], begin)) {
    untrue++
    console.log('untrue', poll, truths.get(poll.question))
  }
}
const took = polled.map(({ asked, answered }) => answered - asked)
const startedAgain = [...truths.values()].flatMap((rows) => rows.filter(({ state, startedOn, at }, i) =>
  state === 'active' && at > killedAt && i > 0 && startedOn !== rows[i - 1]?.startedOn).map(({ at }) => at))
const seconds = (from: number) => startedAgain.filter((at) => at > from)
  .map((at) => ((at - from) / 1_000).toFixed(1)).sort((a, b) => Number(a) - Number(b)).join(', ')
const detours = new Tally()
for (const code of polled.flatMap((poll) => poll.detours)) detours.add(code)

console.log(`${polled.length} polls in ${((Date.now() - begin) / 1000).toFixed(0)} s: ${outcomes}; states: ${states}`)
console.log(`  ${spread(took)}`)
console.log(`  answered by the next replica: ${polled.filter(({ detours }) => detours.length > 0).length} (${detours})`)
console.log(`  without an answer: ${polled.filter(({ outcome }) => typeof outcome !== 'number').length}`)
console.log(`  untrue when they were sent: ${untrue}`)
console.log(`jobs: ${completed.size} of ${JOBS} Completed`)
console.log(`  begun again after the kill, in seconds from it: ${seconds(killedAt)}; from the stop: ${seconds(stoppedAt)}`)
console.log(`SIGTERM: exit code ${exitCode} after ${stopTook} ms`)

await boss.stop({ graceful: false })
await replicas[2]?.end('SIGTERM')
await closeIssuer()
await service.remove()
process.exitCode = untrue === 0 && completed.size === JOBS && outcomes.count(200) === polled.length ? 0 : 1
