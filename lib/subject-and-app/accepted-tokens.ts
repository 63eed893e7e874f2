import { LRUCache } from 'lru-cache'

import { diagnostics } from './diagnostics.js'
import type { TokenKind } from './refusal.js'
import type { SigningKeys } from './signing-keys.js'
import type { AcceptedToken } from './verify.js'

const { tokenLookup } = diagnostics

/**
 * A cache of accepted tokens; the least recently used are evicted first.
 *
 * The key of an entry is a part of the token's signature: hashing the whole token would cost more than all other checks of
 * a cached token. The whole token is compared afterwards. A caller cannot choose these twelve characters (72 bits) of a valid
 * signature, so accepted tokens do not collide.
 */
export class AcceptedTokens {
  readonly #tokens: LRUCache<string, AcceptedToken> | undefined
  readonly #signingKeys: Pick<SigningKeys, 'isCurrent'>

  /** @param size How many tokens to keep; 0 = none. */
  constructor (size: number, signingKeys: Pick<SigningKeys, 'isCurrent'>) {
    this.#tokens = size === 0 ? undefined : new LRUCache({ max: size })
    this.#signingKeys = signingKeys
  }

  /** The token, if it was accepted as this kind, has not expired, and its signing key is still current. */
  get (kind: TokenKind, token: string, now: number): AcceptedToken | undefined {
    const accepted = this.#tokens?.get(key(token))
    const found = accepted !== undefined && accepted.principal.token === token && accepted.kind === kind && this.#isCurrent(accepted, now)
    if (tokenLookup.hasSubscribers) tokenLookup.publish({ token: kind, found })
    return found ? accepted : undefined
  }

  /** Caches a token, unless it is already past its `exp` and valid by the clock tolerance alone. */
  add (accepted: AcceptedToken, now: number): void {
    if (this.#isCurrent(accepted, now)) this.#tokens?.set(key(accepted.principal.token), accepted)
  }

  /** Removes tokens that {@link get} would not return any more. */
  prune (now: number): void {
    this.#tokens?.forEach((accepted, key, tokens) => {
      if (!this.#isCurrent(accepted, now)) tokens.delete(key)
    })
  }

  /** How many tokens are cached. */
  get size (): number {
    return this.#tokens?.size ?? 0
  }

  #isCurrent ({ expires, signingKey }: AcceptedToken, now: number): boolean {
    return now < expires && this.#signingKeys.isCurrent(signingKey, now)
  }
}

/** Part of the signature, without its last character, which encodes less than six bits. */
function key (token: string): string {
  return token.slice(-13, -1)
}
