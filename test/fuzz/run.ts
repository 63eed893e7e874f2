import { isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import type { JobInstance, JobState, JobStateContext } from '../../lib/index.js'
import { Tally } from '../soak/figures.js'
import { type Conversation, hold, makeConversation } from './conversations.js'
import { type HeaderPool, makeHeaderPool } from './headers.js'
import { type Host, makeHosts } from './hosts.js'
import { judge } from './judge.js'
import { LogJudge } from './log-judge.js'
import { Random } from './random.js'
import { readNote } from './requests.js'

export interface FuzzOptions {
  seed: number
  /** How many requests at the least. */
  requests: number
  /** The conversations to hold, in place of all from the first one on. */
  only?: readonly number[]
  /** How many conversations at once. */
  atOnce?: number
}

/** The results of a run. */
export interface FuzzReport {
  requests: number
  conversations: number
  seconds: number
  /** The violations of the promises, with everything to reproduce them; a run ends at the first one. */
  violations: string[]
  /** How many times the resolver was called. */
  asked: number
  logLines: number
  /** How many of them contain the bytes of a request that could not be parsed, as SECURITY.md says. */
  unparsableLines: number
  /** Used heap in MiB after garbage collection: after the first tenth of the run, and at its end. */
  heap: { early: number, late: number }
  /** Counts by name. */
  answers: Tally
  targets: Tally
  headers: Tally
  framings: Tally
  endings: Tally
  deliveries: Tally
  outcomes: Tally
}

/** Sends random requests to hosts with random resolvers, and checks the three promises. */
export async function fuzz (options: FuzzOptions): Promise<FuzzReport> {
  const pool = await makeHeaderPool()
  const resourcesBefore = process.getActiveResourcesInfo()
  const run = new Run(options, pool)
  const stopWatching = watchProcess((what) => run.fail(what))
  try {
    await run.go()
    await settled(resourcesBefore, run)
  } finally {
    stopWatching()
  }
  return run.report
}

class Run {
  readonly report: FuzzReport = {
    requests: 0,
    conversations: 0,
    seconds: 0,
    violations: [],
    asked: 0,
    logLines: 0,
    unparsableLines: 0,
    heap: { early: NaN, late: NaN },
    answers: new Tally(),
    targets: new Tally(),
    headers: new Tally(),
    framings: new Tally(),
    endings: new Tally(),
    deliveries: new Tally(),
    outcomes: new Tally()
  }

  readonly #options: FuzzOptions
  readonly #pool: HeaderPool
  readonly #log: LogJudge
  readonly #asked = new Map<string, () => void>()
  readonly #inFlight = new Map<number, Conversation>()
  #next = 0

  constructor (options: FuzzOptions, pool: HeaderPool) {
    this.#options = options
    this.#pool = pool
    this.#log = new LogJudge(pool.text, (what) => this.fail(what))
  }

  async go (): Promise<void> {
    const hosts = await makeHosts({
      authentication: { ...this.#pool.forge.authentication, tokenCacheSize: 200 },
      resolveJobState: (job, context) => this.#resolve(job, context),
      onLogLine: (line) => this.#log.read(line)
    })
    const listeners = hosts.map(listenerCounts)
    const begin = performance.now()
    await this.#converse(hosts, this.#options.requests / 10)
    this.report.heap.early = heapInUse()
    await this.#converse(hosts, this.#options.requests)
    this.report.seconds = (performance.now() - begin) / 1000
    this.report.heap.late = heapInUse()
    hosts.forEach((host, i) => {
      if (!isDeepStrictEqual(listenerCounts(host), listeners[i])) this.fail(`listeners are left on the server of ${host.name}`)
    })
    await Promise.all(hosts.map(({ app }) => app.close()))
    this.report.logLines = this.#log.lines
    this.report.unparsableLines = this.#log.unparsableLines
  }

  /** Takes down what broke a promise, and how to see it again. */
  fail (what: string, conversations: readonly Conversation[] = [...this.#inFlight.values()]): void {
    const replay = `npm run fuzz -- --seed ${this.#options.seed} --only ${conversations.map(({ number }) => number).join()}`
    this.report.violations.push([what, ...conversations.map(describe), `Again: ${replay}`].join('\n'))
  }

  async #converse (hosts: readonly Host[], requests: number): Promise<void> {
    const { seed, only, atOnce = 64 } = this.#options
    const isEnough = () => this.report.violations.length > 0 ||
      (only === undefined ? this.report.requests >= requests : this.#next >= only.length)
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (!isEnough()) {
        const place = this.#next++
        const conversation = await makeConversation(seed, only?.[place] ?? place, hosts, this.#pool)
        await this.#hold(conversation)
      }
    }))
  }

  async #hold (conversation: Conversation): Promise<void> {
    this.#inFlight.set(conversation.number, conversation)
    const { reader, gaveUp } = await hold(conversation, this.#asked)
    this.#inFlight.delete(conversation.number)
    if (gaveUp) this.fail('no answer, and the connection was not closed', [conversation])
    this.#count(conversation)
    for (const verdict of judge(conversation, reader)) {
      if ('wrong' in verdict) this.fail(verdict.wrong, [conversation])
      else this.report.answers.add(verdict.by)
    }
  }

  #count ({ requests, ending, isCut }: Conversation): void {
    this.report.conversations++
    this.report.requests += requests.length
    this.report.endings.add(isCut ? `${ending}, cut` : ending)
    for (const { parts, headersAre } of requests) {
      this.report.targets.add(parts.target)
      this.report.framings.add(parts.framing)
      this.report.headers.add(headersAre)
    }
  }

  /** The resolver of all hosts: follows the request's note, and reports requests that must not reach it. */
  #resolve (job: JobInstance, context: JobStateContext): JobState | null {
    const note = readNote(context.request.headers)
    if (note === undefined) {
      this.fail('a request without a note has reached the resolver')
      return null
    }
    const its = [this.#inFlight.get(parseInt(note.id))].filter((conversation) => conversation !== undefined)
    if (!note.mayReachResolver) this.fail(`${note.id} has reached the resolver`, its)
    if (note.job !== undefined && !isDeepStrictEqual(job, note.job)) this.fail(`${note.id} has come as ${JSON.stringify(job)}`, its)
    this.report.asked++
    this.report.deliveries.add(note.delivery.name)
    this.report.outcomes.add(note.outcome.name)
    this.#asked.get(note.id)?.()

    const random = new Random(note.seed)
    const settle = () => {
      const value = note.outcome.make(random, context)
      if (note.outcome.isThrown) throw value
      return value
    }
    const callBack = (fulfilled: (value: unknown) => void, rejected: (reason: unknown) => void) => {
      let value: unknown
      try {
        value = settle()
      } catch (thrown) {
        return rejected(thrown)
      }
      fulfilled(value)
    }
    // Not allowed by the types on purpose: JavaScript resolvers can do this.
    return note.delivery.deliver({ job, context, random, settle, callBack }) as JobState | null
  }
}

function describe ({ number, host, requests, ending, isCut, sentBytes, pauses }: Conversation): string {
  return [
    `Conversation ${number} with the ${host.name} host: ${ending}${isCut ? `, cut after ${sentBytes} bytes` : ''}, pauses: ${pauses.join() || 'none'}`,
    ...requests.map(({ id, parts, expected }) => `  ${id} ${JSON.stringify({ ...parts, expected })}`)
  ].join('\n')
}

/** Reports uncaught exceptions, unhandled rejections and warnings of the process. */
function watchProcess (onEvent: (what: string) => void): () => void {
  const handlers = (['uncaughtException', 'unhandledRejection', 'warning'] as const).map((event) => {
    const handler = (thrown: unknown) => onEvent(`${event}: ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
    process.on(event, handler)
    return () => process.off(event, handler)
  })
  return () => { for (const off of handlers) off() }
}

function listenerCounts ({ app: { server } }: Host): Record<string, number> {
  return Object.fromEntries(server.eventNames().map((name) => [String(name), server.listenerCount(name)]))
}

/** Checks that no timer, socket or server is left after the slowest resolver. */
async function settled (before: readonly string[], run: Run): Promise<void> {
  const left = () => {
    const active = process.getActiveResourcesInfo()
    for (const resource of before) {
      const at = active.indexOf(resource)
      if (at !== -1) active.splice(at, 1)
    }
    return active
  }
  const end = performance.now() + 5_000
  while (left().length > 0 && performance.now() < end) await new Promise(setImmediate)
  if (left().length > 0) run.fail(`left behind: ${left().join(', ')}`)
}

/** Used heap after a garbage collection, in MiB. */
function heapInUse (): number {
  setFlagsFromString('--expose-gc')
  const gc: () => void = runInNewContext('gc')
  gc()
  gc()
  return process.memoryUsage().heapUsed / 2 ** 20
}
