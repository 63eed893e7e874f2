// Three replicas over one PostgreSQL, 200 polls a second, jobs running; one is killed, one is stopped:
// tsc -p test/soak && node dist/test/soak/replicas.js
// What was told is held against what the database writes down of each change of each job.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { PgBoss } from 'pg-boss'

import { createFabric } from '../../lib/testing/index.js'
import { median, milliseconds, quantile, Tally } from './figures.js'
import { freePort, postgres, type Service } from './services.js'
import { steadyLoad, type Polled } from './steady-load.js'

const PER_SECOND = 200
const JOBS = 12
const JOB_SECONDS = 25
const SERVER = fileURLToPath(new URL('../../examples/server.js', import.meta.url))

const fabric = createFabric()
const { authentication, close: closeIssuer } = await fabric.listen()
const headers = await fabric.headers()

interface Replica {
  url: string
  process: ChildProcess
}

async function startReplica (service: Service): Promise<Replica> {
  const port = await freePort()
  const { publisherTenantId, audience, clientId } = fabric.registration
  const server = spawn(process.execPath, [SERVER], {
    env: {
      ...process.env,
      DATABASE_URL: service.url,
      PORT: String(port),
      FABRIC_PUBLISHER_TENANT_ID: publisherTenantId,
      FABRIC_AUDIENCE: audience,
      FABRIC_CLIENT_ID: clientId,
      ENTRA_JWKS_URI: authentication.jwksUri
    },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  if (server.stdout === null) throw new Error('A replica has no output.')
  await once(createInterface(server.stdout), 'line')
  return { url: `http://127.0.0.1:${port}/workload-api`, process: server }
}

/** One state of a job, from the moment that the database wrote it down. */
interface Truth {
  state: string
  startedOn: string | null
  at: number
}

/** Lets the database write down every change of every job. */
async function keepHistory (boss: PgBoss): Promise<void> {
  await boss.getDb().executeSql(`
    CREATE TABLE public.history (id uuid, state text, started_on timestamptz, at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION public.write_down () RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO public.history VALUES (NEW.id, NEW.state, NEW.started_on); RETURN NULL; END $$;
    CREATE TRIGGER history AFTER INSERT OR UPDATE ON pgboss.job_common FOR EACH ROW EXECUTE FUNCTION public.write_down();`)
}

async function history (boss: PgBoss): Promise<Map<string, Truth[]>> {
  const { rows } = await boss.getDb().executeSql(
    'SELECT id, state, started_on AS "startedOn", extract(epoch FROM at) * 1000 AS at FROM public.history ORDER BY at')
  const truths = new Map<string, Truth[]>()
  for (const { id, state, startedOn, at } of rows) {
    truths.set(id, [...truths.get(id) ?? [], { state, startedOn: startedOn && new Date(startedOn).toISOString(), at: Number(at) }])
  }
  return truths
}

/** What the table of states says of a row. */
function told ({ state, startedOn }: Truth): string {
  const status = { completed: 'Completed', failed: 'Failed', cancelled: 'Cancelled' }[state]
  return `${status ?? (startedOn === null ? 'NotStarted' : 'InProgress')} ${startedOn ?? ''}`
}

/** A row is seen when its transaction is committed, so much later than it was written down, in milliseconds, at the most. */
const COMMIT = 250

/** True where the job had the state that was told, at some moment between the question and the answer. */
function isTrue ({ body, asked, answered }: Polled<string>, truths: Truth[], begin: number): boolean {
  const said = `${body?.status} ${body?.startTimeUtc ?? ''}`
  return truths.some((truth, i) => {
    const until = (truths[i + 1]?.at ?? Infinity) + COMMIT
    return told(truth) === said && truth.at <= begin + answered && until >= begin + asked
  })
}

const service = await postgres()
const replicas = [await startReplica(service), await startReplica(service), await startReplica(service)]
const boss = await new PgBoss({ connectionString: service.url, supervise: false, schedule: false }).on('error', console.error).start()
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
  return replicas.map((_, i) => replicas[(turn + i) % replicas.length]?.url ?? '')
}
for (const path of jobs.values()) {
  const response = await fetch(`${inTurn()[0]}${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ creationPayload: { seconds: JOB_SECONDS } })
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
replicas[0]?.process.kill('SIGKILL')
await setTimeout(8_000)
const stoppedAt = Date.now()
replicas[1]?.process.kill('SIGTERM')
const [exitCode] = replicas[1] ? await once(replicas[1].process, 'exit') : []
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
  state === 'active' && at > killedAt && i > 0 && startedOn !== rows[i - 1]?.startedOn).map(({ at }) => at)).sort((a, b) => a - b)
const seconds = (from: number) => startedAgain.filter((at) => from === killedAt || at > from).map((at) => ((at - from) / 1_000).toFixed(1)).join(', ')
const detours = new Tally()
for (const code of polled.flatMap((poll) => poll.detours)) detours.add(code)

console.log(`${polled.length} polls in ${((Date.now() - begin) / 1000).toFixed(0)} s: ${outcomes}; states: ${states}`)
console.log(`  median ${milliseconds(median(took))}, 99% ${milliseconds(quantile(took, 0.99))}, longest ${milliseconds(quantile(took, 1))}`)
console.log(`  answered by the next replica: ${polled.filter(({ detours }) => detours.length > 0).length} (${detours}); without an answer: ${polled.filter(({ outcome }) => typeof outcome !== 'number').length}`)
console.log(`  untrue at the moment they were told: ${untrue}`)
console.log(`jobs: ${completed.size} of ${JOBS} Completed; attempts begun after the kill, in seconds from it: ${seconds(killedAt)}; from the stop: ${seconds(stoppedAt)}`)
console.log(`SIGTERM: exit code ${exitCode} after ${stopTook} ms`)

await boss.stop({ graceful: false })
replicas[2]?.process.kill('SIGTERM')
await (replicas[2] && once(replicas[2].process, 'exit'))
await closeIssuer()
await service.remove()
process.exitCode = untrue === 0 && completed.size === JOBS && outcomes.count(200) === polled.length ? 0 : 1
