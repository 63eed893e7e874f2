import type { FastifyBaseLogger } from 'fastify'
import type { FetchImplementation } from 'jose'

import { loggableError } from '../log/loggable-error.js'
import { diagnostics } from './diagnostics.js'
import { readKeys, requestKeys } from './fetch-keys.js'
import { describe } from './refusal.js'
import { importKeys } from './signing-key.js'
import type { SigningKey } from './signing-key.js'

const { keyFetch } = diagnostics

/** Internal option of tests: serves the JWK set in process, in place of `fetch`. */
export const jwksFetch: unique symbol = Symbol('jwksFetch')

/** Internal option of tests: the current time, in milliseconds since 1970. */
export const clock: unique symbol = Symbol('clock')

const SECOND = 1000
const HOUR = 3600 * SECOND

/** Durations in milliseconds. */
export const defaultTiming = {
  /** Time limit of the response, with its body. */
  timeout: 5 * SECOND,
  /** Interval of the background fetch. A key that the authority has withdrawn is accepted for at most this long. */
  refreshEvery: HOUR,
  /** Interval of the background fetch after a failed one. */
  retryEvery: 60 * SECOND,
  /**
   * Tokens with an unknown `kid` cause at most one fetch in this time. Fabric polls each job once a minute: when a new key
   * appears during a cool-down, at most one poll of a job is refused.
   */
  coolDown: 30 * SECOND,
  /** The cool-down and the retry while there are no keys, when every poll is answered 503. */
  coolDownWithoutKeys: 5 * SECOND,
  /** The last good set is used for this long after it was fetched. */
  keepFor: 24 * HOUR
}

/** No signing keys are available: none were retrieved yet, or the last set is too old. */
export class SigningKeysUnavailable extends Error {
  override readonly name = 'SigningKeysUnavailable'
  /** When to try again, in seconds. */
  readonly retryAfter: number

  constructor (retryAfter: number, cause: unknown) {
    super('The signing keys could not be retrieved', { cause })
    this.retryAfter = retryAfter
  }
}

/** Options of {@link SigningKeys}. */
export interface SigningKeysOptions {
  readonly jwksUri: string
  /** The authority whose keys are expected in the set: a set without any is logged. Absent: not checked. */
  readonly authority?: string | undefined
  readonly log: Pick<FastifyBaseLogger, 'warn'>
  readonly fetch?: FetchImplementation | undefined
  readonly now?: (() => number) | undefined
  readonly timing?: Partial<typeof defaultTiming>
  /** Called when a key is no longer in the set. */
  readonly onRemoved?: () => void
}

/**
 * The authority's signing keys: the last good set of its endpoint, refreshed in the background.
 *
 * jose has a remote set too, but it is not used, because jose counts its cool-down
 * from the last successful fetch, drops its keys while the endpoint is down, and refuses a whole set for one invalid member.
 */
export class SigningKeys {
  readonly #jwksUri: string
  readonly #authority: string | undefined
  readonly #log: SigningKeysOptions['log']
  readonly #fetch: FetchImplementation
  readonly #now: () => number
  readonly #timing: typeof defaultTiming
  readonly #onRemoved: () => void

  #published: ReadonlySet<SigningKey> = new Set()
  #goodUntil = -Infinity
  #coolDownUntil = -Infinity
  #fetching: Promise<void> | undefined
  /** Of the fetch in flight. */
  #controller = new AbortController()
  #isClosed = false
  #failure: unknown
  #timer: NodeJS.Timeout | undefined
  #first: NodeJS.Immediate | undefined
  /** The issuers that were last logged as those of another authority. */
  #foreignIssuers: string | undefined

  constructor ({ jwksUri, authority, log, fetch = globalThis.fetch, now = Date.now, timing, onRemoved = () => {} }: SigningKeysOptions) {
    this.#jwksUri = jwksUri
    this.#authority = authority
    this.#log = log
    this.#fetch = fetch
    this.#now = now
    this.#timing = { ...defaultTiming, ...timing }
    this.#onRemoved = onRemoved
  }

  /** Fetches the set before a request needs it. Does not block, and does not keep the process alive. */
  start (): void {
    // Not before the server is ready: the first fetch takes time, because Node loads modules for it.
    this.#first = setImmediate(() => this.refresh()).unref()
  }

  /** Stops fetching in the background, and aborts a fetch in flight. */
  close (): void {
    this.#isClosed = true
    this.#controller.abort()
    clearImmediate(this.#first)
    clearTimeout(this.#timer)
  }

  /** Whether there are keys to verify tokens with. Costs nothing; for readiness probes. */
  isReady (now = this.#now()): boolean {
    return now < this.#goodUntil
  }

  /** Whether a key is still published, in a set that is not too old. */
  isCurrent (key: SigningKey, now: number): boolean {
    return this.isReady(now) && this.#published.has(key)
  }

  /**
   * The published keys of this `kid`; several if keys of several issuers share it. Does not fetch if the `kid` is known.
   *
   * @throws SigningKeysUnavailable when there are no signing keys.
   */
  async find (kid: string): Promise<readonly SigningKey[]> {
    if (!this.isReady() || !this.#ofKid(kid).length) await this.#refreshForCaller()
    if (!this.isReady()) {
      throw new SigningKeysUnavailable(Math.max(1, Math.ceil((this.#coolDownUntil - this.#now()) / SECOND)), this.#failure)
    }
    return this.#ofKid(kid)
  }

  /** Fetches the set, one fetch at a time. Never rejects: a failed fetch does not change the set. */
  refresh (): Promise<void> {
    this.#fetching ??= this.#tryToFetch().finally(() => { this.#fetching = undefined })
    return this.#fetching
  }

  #ofKid (kid: string): SigningKey[] {
    return [...this.#published].filter((key) => key.kid === kid)
  }

  /** Fetches for a caller: callers share one fetch, and none begins in the cool-down after the last one, successful or not. */
  async #refreshForCaller (): Promise<void> {
    if (this.#fetching || this.#now() >= this.#coolDownUntil) await this.refresh()
  }

  async #tryToFetch (): Promise<void> {
    const begin = performance.now()
    const timer = this.#limitTime()
    let status: number | undefined
    try {
      const response = await requestKeys(this.#fetch, this.#jwksUri, this.#controller.signal)
      status = response.status
      this.#replace(await this.#importPublished(response))
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
      if (!this.#isClosed) {
        this.#log.warn({ err: loggableError(error), jwksUri: this.#jwksUri }, 'SubjectAndApp signing keys could not be retrieved')
      }
    } finally {
      clearTimeout(timer)
    }
    this.#coolDownUntil = this.#now() + (this.isReady() ? this.#timing.coolDown : this.#timing.coolDownWithoutKeys)
    this.#schedule()
    this.#publish(status, performance.now() - begin)
  }

  /**
   * Begins the time limit of a fetch. A timer, because Node.js 20 collects an `AbortSignal.timeout` within an `AbortSignal.any` as
   * garbage: then nothing limits the fetch (nodejs/node#57736).
   */
  #limitTime (): NodeJS.Timeout {
    const controller = new AbortController()
    this.#controller = controller
    if (this.#isClosed) controller.abort()
    const { timeout } = this.#timing
    return setTimeout(() => controller.abort(new Error(`The key endpoint did not answer within ${timeout} ms`)), timeout).unref()
  }

  #publish (status: number | undefined, duration: number): void {
    if (!keyFetch.hasSubscribers || this.#isClosed) return
    keyFetch.publish({ jwksUri: this.#jwksUri, ok: this.#failure === undefined, status, duration, keys: this.#published.size })
  }

  async #importPublished (response: Response): Promise<Set<SigningKey>> {
    const published = await importKeys(await readKeys(response, this.#jwksUri), this.#published)
    if (published.size === 0) throw new Error('The JWK set has no key that signs RS256')
    return published
  }

  #replace (published: ReadonlySet<SigningKey>): void {
    const removed = [...this.#published].some((key) => !published.has(key))
    this.#published = published
    this.#goodUntil = this.#now() + this.#timing.keepFor
    if (removed) this.#onRemoved()
    this.#checkAuthority()
  }

  /** Logs a wrong `authority` or `jwksUri`, once: when the server starts, not at the first call. */
  #checkAuthority (): void {
    const expected = `${this.#authority}/{tenantid}/v2.0`
    const issuers = [...new Set([...this.#published].map(({ issuer }) => issuer))]
    const isExpected = this.#authority === undefined || issuers.some((issuer) => issuer === undefined || issuer === expected)
    const received = isExpected ? undefined : describe(issuers.join(' or '))
    if (received !== undefined && received !== this.#foreignIssuers) {
      const option = issuers.every((issuer) => issuer?.startsWith(`${this.#authority}/`)) ? 'jwksUri' : 'authority'
      this.#log.warn({ expected, received, option, jwksUri: this.#jwksUri },
        'No SubjectAndApp signing key is one of the authority for all tenants: tokens will be refused')
    }
    this.#foreignIssuers = received
  }

  #schedule (): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    const { refreshEvery, retryEvery, coolDownWithoutKeys } = this.#timing
    const delay = this.#failure === undefined ? refreshEvery : this.isReady() ? retryEvery : coolDownWithoutKeys
    // Up to a tenth earlier, so that the processes of a cluster do not fetch at the same time.
    this.#timer = setTimeout(() => this.refresh(), delay * (1 - Math.random() / 10)).unref()
  }
}
