import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { answerOf } from '../bench/server-process.js'
import type { WorkloadOrder, WorkloadUsage } from './workload.js'

const WORKLOAD = fileURLToPath(new URL('workload.js', import.meta.url))

/** How a process has come to its end. */
export interface End {
  /** Null after a signal. */
  exitCode: number | null
  /** How many requests it has accepted. */
  accepted: number
}

/** The server of a workload in a child process. */
export class WorkloadProcess {
  readonly port: number
  readonly #child: ChildProcess

  static async start (order: WorkloadOrder): Promise<WorkloadProcess> {
    const child = fork(WORKLOAD, [JSON.stringify(order)], { execArgv: ['--expose-gc'] })
    return new WorkloadProcess(child, await answerOf<number>(child))
  }

  private constructor (child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  async usage (): Promise<WorkloadUsage> {
    this.#child.send('usage')
    return answerOf<WorkloadUsage>(this.#child)
  }

  /** Sends SIGTERM and waits for the end. */
  async stop (): Promise<End> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const accepted = await answerOf<number>(this.#child)
    const [exitCode] = await exit
    return { exitCode, accepted }
  }
}
