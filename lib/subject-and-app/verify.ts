import type { JWTPayload } from 'jose'
import { decodeProtectedHeader } from 'jose/decode/protected_header'
import * as errors from 'jose/errors'
import { decodeJwt } from 'jose/jwt/decode'
import { jwtVerify } from 'jose/jwt/verify'

import type { Caller } from './caller.js'
import { checkClaims, issuerV2 } from './claims.js'
import type { TokenIdentity } from './claims.js'
import { isCompactJws } from './header.js'
import type { CheckedAuthenticationOptions } from './options.js'
import { Refusal, badClaim } from './refusal.js'
import type { TokenKind } from './refusal.js'
import type { SigningKey, SigningKeys } from './signing-keys.js'

/** A token whose claims hold; its signature and its time are still to be looked at. */
export interface UnverifiedToken {
  readonly kind: TokenKind
  readonly token: string
  readonly identity: TokenIdentity
  readonly kid: string
}

/** A token that holds: what depends on the token alone, nothing of the request that it came with. */
export interface AcceptedToken {
  readonly kind: TokenKind
  readonly identity: TokenIdentity
  readonly signingKey: SigningKey
  /** When it ceases to be remembered: its `exp`, in milliseconds since 1970. */
  readonly expires: number
  /** The token and its claims, frozen and the token hidden as a caller has them: made once, not for each request. */
  readonly principal: NonNullable<Caller['subject']>
  /** How it was let in the last time: as a subject token, or as an app token without one. */
  admission?: Admission
}

/** What an accepted token was let in with, and who was behind it. */
export interface Admission {
  readonly app: AcceptedToken
  readonly clientTenantId: string
  readonly caller: Caller
}

/** Whether a token was verified already. */
export function isAccepted (token: AcceptedToken | UnverifiedToken): token is AcceptedToken {
  return 'signingKey' in token
}

/** Everything that can be said of a token without its signature, which is the expensive part. */
export function decode (kind: TokenKind, token: string, options: CheckedAuthenticationOptions): UnverifiedToken | Refusal {
  const parsed = parse(token)
  if (parsed === undefined) return new Refusal('not a compact JWS of two JSON objects', { token: kind })
  const kid = checkHeader(kind, parsed.header)
  if (kid instanceof Refusal) return kid
  const identity = checkClaims(kind, parsed.claims, options)
  if (identity instanceof Refusal) return identity
  return { kind, token, identity, kid }
}

/**
 * What is left: the published key that signs for the token's issuer, the signature and the time.
 *
 * @throws SigningKeysUnavailable when there are no keys to tell from.
 */
export async function verify (
  { kind, token, identity, kid }: UnverifiedToken,
  { signingKeys, options, now }: {
    signingKeys: Pick<SigningKeys, 'find'>, options: CheckedAuthenticationOptions, now: () => number
  }
): Promise<AcceptedToken | Refusal> {
  const { iss, aud, tenantId } = identity
  const signingKey = await signingKeys.find(kid, issuerV2(tenantId, options), tenantId)
  if (signingKey === undefined) return new Refusal('no published key of this kid signs for this issuer', { token: kind })
  try {
    const { payload } = await jwtVerify(token, signingKey.publicKey, {
      algorithms: ['RS256'],
      // As the token spells them: checkClaims has compared them with the options, uuids without regard to case.
      issuer: iss,
      audience: aud,
      requiredClaims: ['nbf', 'exp'],
      clockTolerance: options.clockTolerance,
      currentDate: new Date(now())
    })
    return { kind, identity, signingKey, expires: identity.exp * 1000, principal: toPrincipal(token, payload) }
  } catch (error) {
    if (error instanceof errors.JWTExpired) return badClaim(kind, 'exp', 'token has expired')
    if (error instanceof errors.JWTClaimValidationFailed) return badClaim(kind, error.claim, 'token is not yet valid')
    if (error instanceof errors.JOSEError) return new Refusal('signature does not hold', { token: kind })
    throw error
  }
}

/** Read by jose, which reads it again when it verifies: the same reader for the rules and for the signature. */
function parse (token: string): { header: Record<string, unknown>, claims: Record<string, unknown> } | undefined {
  if (!isCompactJws(token)) return undefined
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
  } catch {
    return undefined
  }
}

const BRINGS_KEY = ['jku', 'jwk', 'x5c', 'x5u']
const TYPES = ['jwt', 'at+jwt']

/** The `kid` of a token whose JOSE header holds. */
function checkHeader (kind: TokenKind, { alg, kid, crit, typ, ...others }: Record<string, unknown>): string | Refusal {
  const refuse = (reason: string) => new Refusal(`JOSE header: ${reason}`, { token: kind })
  if (alg !== 'RS256') return refuse('alg is not RS256')
  if (typeof kid !== 'string' || kid === '') return refuse('kid is missing')
  if (crit !== undefined) return refuse('crit is not understood')
  // Keys come from the authority's set alone, never from the token.
  if (BRINGS_KEY.some((name) => Object.hasOwn(others, name))) return refuse('the token brings a key of its own')
  // A token that the authority made for another purpose says so here (RFC 8725, 3.11).
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase()))) return refuse('typ is not JWT')
  return kid
}

function toPrincipal (token: string, claims: JWTPayload): AcceptedToken['principal'] {
  const principal = { token: flatten(token), claims: deepFreeze(claims) }
  Object.defineProperty(principal, 'token', { enumerable: false })
  return Object.freeze(principal)
}

/** A copy that does not keep alive the whole header that the token was cut from. */
function flatten (token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1')
}

function deepFreeze<T> (value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
