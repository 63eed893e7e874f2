import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'

import type { Refusal } from './refusal.js'

/** How long refusals of one kind are logged at `info` after one was logged at `warn`, in milliseconds. */
const QUIET = 10 * 60_000

/** More than the kinds that exist: a limit to the memory, in case of a bug. */
const MAX_KINDS = 200

interface Kind {
  /** When one was last logged at `warn`, in milliseconds since 1970. */
  warnedAt: number
  /** The number of refusals since then. */
  refusals: number
}

/**
 * Logs refusals so that a server at level `warn` shows a wrong configuration, and callers cannot flood its log: the first
 * refusal of each kind at `warn`, the following at `info`, and every ten minutes one at `warn` again, with the number of
 * `refusals` of its kind since the last warning.
 *
 * Code, token and claim make a kind. All three come from this package: a caller cannot make new kinds.
 */
export class RefusalLog {
  readonly #kinds = new LRUCache<string, Kind>({ max: MAX_KINDS })
  readonly #now: () => number

  /** @param now Milliseconds since 1970. */
  constructor (now: () => number = Date.now) {
    this.#now = now
  }

  /** Writes the line of one refusal to the log of its request. */
  write (log: Pick<FastifyBaseLogger, 'info' | 'warn'>, { code, reason, details }: Refusal): void {
    const name = [code, details.token, details.claim].join()
    const now = this.#now()
    const kind = this.#kinds.get(name)
    const line = { reason, code, ...details }
    if (kind === undefined) {
      this.#kinds.set(name, { warnedAt: now, refusals: 0 })
      return log.warn(line, MESSAGE)
    }
    kind.refusals++
    if (now < kind.warnedAt + QUIET) return log.info(line, MESSAGE)
    log.warn({ ...line, refusals: kind.refusals }, MESSAGE)
    kind.warnedAt = now
    kind.refusals = 0
  }
}

const MESSAGE = 'SubjectAndApp authentication refused'
