import type { CryptoKey, FetchImplementation, JWK } from 'jose'
import { createLocalJWKSet } from 'jose/jwks/local'
import { createRemoteJWKSet, customFetch } from 'jose/jwks/remote'
import type { FastifyBaseLogger } from 'fastify'

/** Internal option of tests: serves the JWK set in process, in place of `fetch`. */
export const jwksFetch: unique symbol = Symbol('jwksFetch')

/** Internal option of tests: a clock of their own, in milliseconds since 1970. */
export const clock: unique symbol = Symbol('clock')

const SECOND = 1000
const HOUR = 3600 * SECOND

/** How long things take and last, in milliseconds. */
export const defaultTiming = {
  /** The endpoint has this long to answer, body included. */
  timeout: 5 * SECOND,
  /** The background look. A key that was withdrawn after an incident is good for at most this long. */
  refreshEvery: HOUR,
  /** The background look after one that failed. */
  retryEvery: 60 * SECOND,
  /**
   * Callers' tokens with an unknown `kid` lead to at most one look in this time. Fabric polls each job once a minute:
   * of a new key that falls into a cool-down, a job feels one refused poll at most.
   */
  coolDown: 30 * SECOND,
  /** The cool-down and the retry as long as there is no set to serve from, when every poll is answered 503. */
  coolDownWithoutKeys: 5 * SECOND,
  /** The last known good set serves for this long after it was fetched. */
  keepFor: 24 * HOUR
}

const MAX_BYTES = 1_000_000

/** A published key that signs RS256. An object stands for one key for as long as the key is published. */
export interface SigningKey {
  readonly kid: string
  /** The issuer that the key is bound to; `{tenantid}` in it stands for any tenant. Absent: bound to none. */
  readonly issuer: string | undefined
  readonly publicKey: CryptoKey
  /** What makes it the same key when it is found again in the next set. */
  readonly identity: string
}

/** There is no set of keys to serve from: none was fetched yet, or the last one is too old. */
export class SigningKeysUnavailable extends Error {
  override readonly name = 'SigningKeysUnavailable'
  /** After how many seconds it is worth asking again. */
  readonly retryAfter: number

  constructor (retryAfter: number, cause: unknown) {
    super('The signing keys could not be fetched', { cause })
    this.retryAfter = retryAfter
  }
}

/** What {@link SigningKeys} is made of. */
export interface SigningKeysOptions {
  readonly jwksUri: string
  readonly log: Pick<FastifyBaseLogger, 'warn'>
  readonly fetch?: FetchImplementation | undefined
  readonly now?: (() => number) | undefined
  readonly timing?: Partial<typeof defaultTiming>
  /** Called when a key has gone from the set. */
  readonly onRemoved?: () => void
}

/**
 * The authority's signing keys: the last good set that its endpoint gave, looked at again in the background.
 *
 * jose's remote set does the fetch; when to fetch, and how long a set is good, is decided here, because jose counts
 * its cool-down from the last successful fetch and forgets its keys while the endpoint is down.
 */
export class SigningKeys {
  readonly #jwksUri: string
  readonly #log: SigningKeysOptions['log']
  readonly #now: () => number
  readonly #timing: typeof defaultTiming
  readonly #onRemoved: () => void
  readonly #fetchKeys: FetchImplementation
  readonly #closed = new AbortController()

  #published: ReadonlySet<SigningKey> = new Set()
  #goodUntil = -Infinity
  #coolDownUntil = -Infinity
  #fetching: Promise<void> | undefined
  #failure: unknown
  #timer: NodeJS.Timeout | undefined
  #first: NodeJS.Immediate | undefined
  #remote: ReturnType<typeof createRemoteJWKSet> | undefined
  #started = false

  constructor ({ jwksUri, log, fetch = globalThis.fetch, now = Date.now, timing, onRemoved = () => {} }: SigningKeysOptions) {
    this.#jwksUri = jwksUri
    this.#log = log
    this.#now = now
    this.#timing = { ...defaultTiming, ...timing }
    this.#onRemoved = onRemoved
    this.#fetchKeys = (url, init) =>
      fetchBounded(fetch, url, { ...init, signal: AbortSignal.any([init.signal, this.#closed.signal]) })
  }

  /** Begins to look at the endpoint, now and then regularly; waits for nothing and keeps no process alive. */
  start (): void {
    this.#started = true
    // Not before the server is ready: for its first fetch Node loads what it needs, which takes 20 ms.
    this.#first = setImmediate(() => this.refresh()).unref()
  }

  /** Ends what {@link start} began, a fetch under way included. */
  close (): void {
    this.#closed.abort()
    clearImmediate(this.#first)
    clearTimeout(this.#timer)
  }

  /** Whether the key is still among those to be trusted. */
  holds (key: SigningKey, now: number): boolean {
    return now < this.#goodUntil && this.#published.has(key)
  }

  /**
   * The key of this `kid` that signs for this issuer; a known `kid` waits for nothing.
   *
   * @param tid The tenant whose issuer it is, to be put into a key's `{tenantid}`.
   * @throws SigningKeysUnavailable when there is no set to look into.
   */
  async find (kid: string, issuer: string, tid: string): Promise<SigningKey | undefined> {
    if (!this.#isGood() || !this.#ofKid(kid).length) await this.#lookAgain()
    if (!this.#isGood()) {
      throw new SigningKeysUnavailable(Math.max(1, Math.ceil((this.#coolDownUntil - this.#now()) / SECOND)), this.#failure)
    }
    return this.#ofKid(kid).find((key) => key.issuer === undefined || key.issuer.replaceAll('{tenantid}', tid) === issuer)
  }

  /** Fetches the set, one fetch at a time. Never rejects: a fetch that fails leaves the set as it is. */
  refresh (): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => { this.#fetching = undefined })
    return this.#fetching
  }

  #isGood (): boolean {
    return this.#now() < this.#goodUntil
  }

  #ofKid (kid: string): SigningKey[] {
    return [...this.#published].filter((key) => key.kid === kid)
  }

  /** The fetch that callers cause: they share one, and none begins in the cool-down after the last, whatever its outcome. */
  async #lookAgain (): Promise<void> {
    if (this.#fetching || this.#now() >= this.#coolDownUntil) await this.refresh()
  }

  async #fetch (): Promise<void> {
    try {
      this.#remote ??= createRemoteJWKSet(new URL(this.#jwksUri), {
        timeoutDuration: this.#timing.timeout, [customFetch]: this.#fetchKeys
      })
      await this.#remote.reload()
      const published = await importKeys(this.#remote.jwks()?.keys, this.#published)
      if (published.size === 0) throw new Error('The JWK set holds no key that signs RS256')
      const removed = [...this.#published].some((key) => !published.has(key))
      this.#published = published
      this.#goodUntil = this.#now() + this.#timing.keepFor
      this.#failure = undefined
      if (removed) this.#onRemoved()
    } catch (error) {
      this.#failure = error
      if (!this.#closed.signal.aborted) {
        this.#log.warn({ err: error, jwksUri: this.#jwksUri }, 'SubjectAndApp signing keys could not be fetched')
      }
    }
    this.#coolDownUntil = this.#now() + (this.#isGood() ? this.#timing.coolDown : this.#timing.coolDownWithoutKeys)
    this.#schedule()
  }

  #schedule (): void {
    clearTimeout(this.#timer)
    if (!this.#started || this.#closed.signal.aborted) return
    const { refreshEvery, retryEvery, coolDownWithoutKeys } = this.#timing
    const delay = this.#failure === undefined ? refreshEvery : this.#isGood() ? retryEvery : coolDownWithoutKeys
    // Up to a tenth sooner, so that the processes of a cluster do not ask all at once.
    this.#timer = setTimeout(() => this.refresh(), delay * (1 - Math.random() / 10)).unref()
  }
}

/** Those of a JWK set that sign RS256, by jose's judgement; a key that was known keeps its object. */
async function importKeys (jwks: readonly JWK[] = [], known: ReadonlySet<SigningKey>): Promise<Set<SigningKey>> {
  const keys = await Promise.all(jwks.map((jwk) => importKey(jwk).catch(() => undefined)))
  const knownByIdentity = new Map([...known].map((key) => [key.identity, key]))
  return new Set(keys.filter((key) => key !== undefined).map((key) => knownByIdentity.get(key.identity) ?? key))
}

/** The key of a JWK that has a `kid` and at least 2048 bits; jose refuses what is no public RSA key for RS256 signatures. */
async function importKey (jwk: JWK): Promise<SigningKey | undefined> {
  const { kid, issuer, n, e }: JWK & { issuer?: unknown } = jwk
  if (typeof kid !== 'string' || kid === '' || !(issuer === undefined || typeof issuer === 'string')) return undefined
  const publicKey = await createLocalJWKSet({ keys: [jwk] })({ alg: 'RS256', kid })
  const { modulusLength }: CryptoKey['algorithm'] & { modulusLength?: unknown } = publicKey.algorithm
  if (!(Number(modulusLength) >= 2048)) return undefined
  return { kid, issuer, publicKey, identity: JSON.stringify([kid, issuer, n, e]) }
}

/** `fetch` whose answer is read here, so that an endless one cannot fill the memory. */
async function fetchBounded (fetch: FetchImplementation, ...request: Parameters<FetchImplementation>): Promise<Response> {
  const response = await fetch(...request)
  if (response.status !== 200) {
    await response.body?.cancel()
    return response
  }
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength
    // Leaving the loop cancels the body, and with it the connection.
    if (length > MAX_BYTES) throw new Error(`The JWK set is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return new Response(Buffer.concat(chunks))
}
