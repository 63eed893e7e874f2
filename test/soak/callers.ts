import { setTimeout } from 'node:timers/promises'

import type { Fabric, FabricHeaders } from '../../lib/testing/index.js'
import { get } from '../bench/requests.js'
import { SAMPLE_PATH } from '../bench/sample.js'
import { type KnownJob, knownJobs } from './known-jobs.js'
import type { Question } from './load.js'

/** In seconds. */
const LIFETIME = 30
/** Tokens of this age are replaced; in milliseconds. */
const RENEWED_AT = 25_000

/** The tokens of one user. */
interface Tokens {
  headers: FabricHeaders
  madeAt: number
  /** In milliseconds since 1970. */
  expiresAt: number
  /** When the key that signed them was new. */
  keySince: number
}

/** A poll whose answer is known beforehand. */
export interface KnownPoll extends Question {
  job: KnownJob
  tokens: Tokens
  /** Whether its tokens have expired, so that it must be refused. */
  isExpired: boolean
}

/** Fabric, calling for many users: tokens expire and are replaced, keys rotate and are withdrawn. */
export class Callers {
  rotations = 0
  renewals = 0
  readonly #fabric: Fabric
  readonly #tolerance: number
  readonly #ended = new AbortController()
  /** Oldest first. */
  #current: Tokens[] = []
  /** Those that have been replaced; each is sent once more when it has expired. */
  #replaced: Tokens[] = []
  #keySince = -Infinity
  #asked = 0

  /** @param tolerance The server's `clockTolerance`, in seconds. */
  constructor (fabric: Fabric, tolerance: number) {
    this.#fabric = fabric
    this.#tolerance = tolerance
  }

  /** Makes the users' tokens, and begins to renew them and to rotate the keys. */
  async begin (users: number): Promise<void> {
    while (this.#current.length < users) {
      // As if each had been made at another time.
      const age = RENEWED_AT * (1 - this.#current.length / users)
      this.#current.push(await this.#make(Date.now() - age))
    }
    const isEnd = () => { if (!this.#ended.signal.aborted) throw new Error('The callers have come to a sudden end') }
    this.#renew().catch(isEnd)
    this.#rotate().catch(isEnd)
  }

  end (): void {
    this.#ended.abort()
  }

  /** The next poll: of each user after the other, about each job after the other. */
  next (): KnownPoll | undefined {
    const asked = this.#asked++
    const job = knownJobs[asked % knownJobs.length]
    const expired = this.#expired()
    const tokens = expired ?? this.#current[Math.floor(asked / knownJobs.length) % this.#current.length]
    if (job === undefined || tokens === undefined) return undefined
    return { job, tokens, isExpired: expired !== undefined, bytes: pollAsBytes(job, tokens.headers) }
  }

  #expired (): Tokens | undefined {
    const [oldest] = this.#replaced
    // Another second, for what is said in whole seconds.
    const isExpired = oldest !== undefined && oldest.expiresAt + (this.#tolerance + 1) * 1_000 < Date.now()
    return isExpired ? this.#replaced.shift() : undefined
  }

  async #make (madeAt: number): Promise<Tokens> {
    const nbf = Math.floor(madeAt / 1_000)
    const claims = { nbf, iat: nbf, exp: nbf + LIFETIME }
    const headers = await this.#fabric.headers({ appToken: { claims }, subjectToken: { claims } })
    return { headers, madeAt, expiresAt: claims.exp * 1_000, keySince: this.#keySince }
  }

  async #renew (): Promise<void> {
    for (;;) {
      const [oldest] = this.#current
      if (oldest === undefined) return
      await this.#sleep(oldest.madeAt + RENEWED_AT - Date.now())
      this.#current.push(await this.#make(Date.now()))
      this.#current.shift()
      this.renewals++
      this.#replaced.push(oldest)
    }
  }

  /** A rotation after which the server may ask for keys at once, and one that falls into its cool-down. */
  async #rotate (): Promise<void> {
    for (;;) {
      await this.#sleep(20_000)
      await this.#newKey()
      await this.#sleep(30_000)
      if (this.#current.every(({ keySince }) => keySince === this.#keySince)) this.#fabric.retireKeys()
      await this.#sleep(20_000)
      await this.#newKey()
    }
  }

  async #newKey (): Promise<void> {
    this.rotations++
    this.#keySince = Date.now()
    await this.#fabric.rotateKeys()
  }

  async #sleep (milliseconds: number): Promise<void> {
    await setTimeout(Math.max(0, milliseconds), undefined, { signal: this.#ended.signal })
  }
}

/** A poll as it goes over the wire. */
export function pollAsBytes ({ jobInstanceId }: KnownJob, headers: FabricHeaders): Buffer {
  return get(SAMPLE_PATH.replace(/[^/]+$/, jobInstanceId), headers)
}
