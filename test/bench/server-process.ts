import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import type { Contender, Registration } from './contenders.js'
import type { Usage } from './server.js'

const SERVER = fileURLToPath(new URL('server.js', import.meta.url))

/** A contender's server in a separate process. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess

  /** @param execArgv Node's own options for the process. */
  static async start (contender: Contender, registration: Registration, execArgv: string[] = []): Promise<ServerProcess> {
    const child = fork(SERVER, [JSON.stringify({ contender, registration })], { execArgv })
    return new ServerProcess(child, await answerOf<number>(child))
  }

  private constructor (child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  async usage (): Promise<Usage> {
    this.#child.send('usage')
    return answerOf<Usage>(this.#child)
  }

  async stop (): Promise<void> {
    this.#child.disconnect()
    await once(this.#child, 'exit')
  }
}

/** The next message of a process; rejects if it exits first. */
export async function answerOf<T> (child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`The server exited with code ${code}`))
    child.once('exit', onExit)
    child.once('message', (message: T) => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}
