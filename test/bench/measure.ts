import { performance, type RecordableHistogram } from 'node:perf_hooks'

import type { Contender, Registration } from './contender.js'
import { type Measurement, spread } from './figures.js'
import { generateLoad } from './load.js'
import type { Requests } from './requests.js'
import { ServerProcess } from './server-process.js'

/** How contenders are measured. */
export interface Conditions {
  requests: Requests
  registration: Registration
  /** How long each is under load in one pass, all its turns together. */
  seconds: number
  /** In how many turns. */
  turns: number
  /** Requests a second for each contender; left out, as many as its server answers. */
  rates?: ReadonlyMap<Contender['name'], number>
  /** Node's own options for the servers' processes. */
  execArgv?: string[]
}

/**
 * One pass: starts the servers of all contenders, warms them up, and puts one after the other under load for a moment,
 * again and again. So whatever else the machine does meanwhile, it does to all of them.
 */
export async function measure (
  contenders: readonly Contender[], conditions: Conditions
): Promise<Map<Contender['name'], Measurement>> {
  const runs: Run[] = []
  try {
    for (const contender of contenders) runs.push(await Run.start(contender, conditions))
    for (let turn = 0; turn < conditions.turns; turn++) {
      // There and back again, so that none always comes after the same other.
      for (const run of turn % 2 === 0 ? runs : runs.toReversed()) await run.takeTurn()
    }
    return new Map(await Promise.all(runs.map(async (run) => [run.name, await run.measurement()] as const)))
  } finally {
    await Promise.all(runs.map((run) => run.stop()))
  }
}

/** For so long a server is warmed up, in seconds, and by so many requests at least: V8 counts calls, not time. */
const WARM_UP = { seconds: 1.5, atLeast: 20_000 }

/** One contender in one pass, with what its turns have come to so far. */
class Run {
  readonly name: string
  readonly #contender: Contender
  readonly #conditions: Conditions
  readonly #server: ServerProcess
  /** Of each turn, so that a moment in which the machine was busy elsewhere is one turn's and not the whole pass's. */
  readonly #latencies: RecordableHistogram[] = []
  #seconds = 0
  /** Of the server, in microseconds. */
  #cpu = 0
  /** Of the generator, in seconds. */
  #idle = 0

  static async start (contender: Contender, conditions: Conditions): Promise<Run> {
    const server = await ServerProcess.start(contender, conditions.registration, conditions.execArgv)
    const run = new Run(contender, conditions, server)
    const { length } = run.#load.requests
    // Whoever remembers all tokens has to verify each once: only then it is warmed up on what it does with them later.
    const isToRemember = (contender.options?.tokenCacheSize ?? 0) >= length
    if (isToRemember) await generateLoad({ ...run.#load, seconds: 0, atLeast: length })
    await generateLoad({ ...run.#load, ...WARM_UP })
    return run
  }

  private constructor (contender: Contender, conditions: Conditions, server: ServerProcess) {
    this.name = contender.name
    this.#contender = contender
    this.#conditions = conditions
    this.#server = server
  }

  get #load () {
    const { requests = 'seen', connections = 50, statusCode = 200, isBusy: mayDoze = false } = this.#contender
    return { port: this.#server.port, requests: this.#conditions.requests[requests], connections, statusCode, mayDoze }
  }

  async takeTurn (): Promise<void> {
    const rate = this.#conditions.rates?.get(this.name)
    let before = { server: 0, at: 0 }
    const { latency, idle } = await generateLoad({
      ...this.#load,
      seconds: this.#conditions.seconds / this.#conditions.turns,
      ...(rate !== undefined && { rate }),
      onConnected: async () => {
        before = { server: (await this.#server.usage()).cpu, at: performance.now() }
      }
    })
    this.#seconds += (performance.now() - before.at) / 1000
    this.#idle += idle
    this.#cpu += (await this.#server.usage()).cpu - before.server
    this.#latencies.push(latency)
  }

  async measurement (): Promise<Measurement> {
    const responses = this.#latencies.reduce((sum, { count }) => sum + count, 0)
    const percentile = (percent: number) => spread(this.#latencies.map((latency) => latency.percentile(percent) / 1e6)).median
    return {
      requestsPerSecond: responses / this.#seconds,
      cpu: this.#cpu / responses,
      p50: percentile(50),
      p99: percentile(99),
      peakMemory: (await this.#server.usage()).peakMemory,
      generator: 1 - this.#idle / this.#seconds
    }
  }

  stop (): Promise<void> {
    return this.#server.stop()
  }
}
