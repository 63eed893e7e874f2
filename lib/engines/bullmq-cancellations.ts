import { setTimeout } from 'node:timers/promises'

import { connectedClient, isClosed, type BullmqReader } from './bullmq-queue.js'
import { isStoredJobCancelled } from './bullmq-stored-job.js'

/** Milliseconds between two looks at the jobs that run in this process. */
const INTERVAL = 1_000

/** Finds out which of the jobs that run in this process have been cancelled, on whichever server. */
export class Cancellations {
  readonly #queue: BullmqReader
  readonly #running = new Map<AbortController, string>()
  #isLooking = false

  constructor (queue: BullmqReader) {
    this.#queue = queue
  }

  /** Aborts the controller when the job is cancelled, until {@link unwatch}; at once if it is cancelled already. */
  async watch (id: string, controller: AbortController, signal: AbortSignal | undefined): Promise<void> {
    if (await this.#isCancelled(id, signal)) controller.abort(new Error('The job was cancelled.'))
    this.#running.set(controller, id)
    if (!this.#isLooking) this.#lookOn()
  }

  unwatch (controller: AbortController): void {
    this.#running.delete(controller)
  }

  /** Waits for the connection: a cancelled job must not run because Redis was down for a moment. */
  async #isCancelled (id: string, signal: AbortSignal | undefined): Promise<boolean> {
    for (;;) {
      try {
        return await this.#ask(id)
      } catch (error) {
        if (await isClosed(this.#queue)) throw error
        await setTimeout(INTERVAL, undefined, { signal })
      }
    }
  }

  /** Looks once a second, while jobs run. */
  async #lookOn (): Promise<void> {
    this.#isLooking = true
    while (this.#running.size > 0) {
      await setTimeout(INTERVAL, undefined, { ref: false })
      await this.#look()
    }
    this.#isLooking = false
  }

  async #look (): Promise<void> {
    try {
      await Promise.all(Array.from(this.#running, async ([controller, id]) => {
        if (await this.#ask(id)) controller.abort(new Error('The job was cancelled.'))
      }))
    } catch {
      // Redis is down; the next look finds out.
    }
  }

  async #ask (id: string): Promise<boolean> {
    return await isStoredJobCancelled(await connectedClient(this.#queue), this.#queue.toKey(id))
  }
}
