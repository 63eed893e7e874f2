import { LRUCache } from 'lru-cache'

import type { TokenKind } from './refusal.js'
import type { SigningKeys } from './signing-keys.js'
import type { AcceptedToken } from './verify.js'

/**
 * The tokens that were accepted, the least recently used forgotten first.
 *
 * Kept under some characters of the token's signature, and then compared as a whole: hashing all of a token would cost
 * 1.8 µs, twice a request. Twelve characters are 72 bits that nobody can choose, so accepted tokens do not share them.
 */
export class AcceptedTokens {
  readonly #tokens: LRUCache<string, AcceptedToken> | undefined
  readonly #signingKeys: Pick<SigningKeys, 'holds'>

  /** @param size How many; 0 = none. */
  constructor (size: number, signingKeys: Pick<SigningKeys, 'holds'>) {
    this.#tokens = size === 0 ? undefined : new LRUCache({ max: size })
    this.#signingKeys = signingKeys
  }

  /** The token, if it was accepted in this place, has not expired, and its signing key still holds. */
  get (kind: TokenKind, token: string, now: number): AcceptedToken | undefined {
    const accepted = this.#tokens?.get(key(token))
    if (accepted === undefined || accepted.principal.token !== token || accepted.kind !== kind) return undefined
    return this.#isCurrent(accepted, now) ? accepted : undefined
  }

  /** Remembers a token, unless it lives on the clock tolerance alone. */
  add (accepted: AcceptedToken, now: number): void {
    if (this.#isCurrent(accepted, now)) this.#tokens?.set(key(accepted.principal.token), accepted)
  }

  /** Lets go of what {@link get} would not give any more. */
  prune (now: number): void {
    this.#tokens?.forEach((accepted, key, tokens) => {
      if (!this.#isCurrent(accepted, now)) tokens.delete(key)
    })
  }

  /** How many are remembered. */
  get size (): number {
    return this.#tokens?.size ?? 0
  }

  #isCurrent ({ expires, signingKey }: AcceptedToken, now: number): boolean {
    return now < expires && this.#signingKeys.holds(signingKey, now)
  }
}

/** Of the signature, without its last character, which has less than six bits of it. */
function key (token: string): string {
  return token.slice(-13, -1)
}
