import type { JWTPayload } from 'jose'
import { decodeProtectedHeader } from 'jose/decode/protected_header'
import * as errors from 'jose/errors'
import { decodeJwt } from 'jose/jwt/decode'
import { jwtVerify } from 'jose/jwt/verify'

import { ownCopy } from '../own-properties.js'
import type { Caller } from './caller.js'
import { checkClaims, issuerV2 } from './claims.js'
import type { TokenIdentity } from './claims.js'
import { isCompactJws } from './header.js'
import type { CheckedAuthenticationOptions } from './options.js'
import { Refusal, badClaim, describe } from './refusal.js'
import type { RefusalCode, RefusalDetails, TokenKind } from './refusal.js'
import { signsFor } from './signing-key.js'
import type { SigningKey } from './signing-key.js'
import type { SigningKeys } from './signing-keys.js'

/** A token with valid claims; its signature and its time are not checked yet. */
export interface UnverifiedToken {
  readonly kind: TokenKind
  readonly token: string
  readonly identity: TokenIdentity
  readonly kid: string
}

/** A verified token. Safe to cache: it contains nothing of the request. */
export interface AcceptedToken {
  readonly kind: TokenKind
  readonly identity: TokenIdentity
  readonly signingKey: SigningKey
  /** When it leaves the cache: its `exp`, in milliseconds since 1970. */
  readonly expires: number
  /** The token and its claims, frozen, with the token not enumerable: created once, not for each request. */
  readonly principal: NonNullable<Caller['subject']>
  /** The memoized caller; on the subject token, or on the app token if there is no subject token. */
  lastCaller?: LastCaller
}

/** A memoized caller, with the app token and the tenant that it is valid for. */
export interface LastCaller {
  readonly app: AcceptedToken
  readonly clientTenantId: string
  readonly caller: Caller
}

/** Whether a token was verified already. */
export function isAccepted (token: AcceptedToken | UnverifiedToken): token is AcceptedToken {
  return 'signingKey' in token
}

/** Checks everything of a token except its signature, which is the expensive part, and its time. */
export function decode (kind: TokenKind, token: string, options: CheckedAuthenticationOptions): UnverifiedToken | Refusal {
  const parsed = parse(token)
  if (parsed === undefined) return new Refusal('TokenMalformed', { token: kind })
  const kid = checkHeader(kind, parsed.header)
  if (kid instanceof Refusal) return kid
  const identity = checkClaims(kind, parsed.claims, options)
  if (identity instanceof Refusal) return identity
  return { kind, token, identity, kid }
}

/**
 * Checks the rest: that a published key may sign for the token's issuer, the signature and the time.
 *
 * @throws SigningKeysUnavailable when there are no signing keys.
 */
export async function verify (
  unverified: UnverifiedToken,
  { signingKeys, options, now }: {
    signingKeys: Pick<SigningKeys, 'find'>, options: CheckedAuthenticationOptions, now: () => number
  }
): Promise<AcceptedToken | Refusal> {
  const { kind, token, identity, kid } = unverified
  const { iss, aud, tenantId, exp } = identity
  const keys = await signingKeys.find(kid)
  const signingKey = keys.find((key) => signsFor(key, issuerV2(tenantId, options), tenantId))
  if (signingKey === undefined) return refuseKey(unverified, keys, options)
  const currentDate = new Date(now())
  try {
    const { payload } = await jwtVerify(token, signingKey.publicKey, {
      algorithms: ['RS256'],
      // In the token's spelling: checkClaims has compared them with the options, UUIDs without regard to case.
      issuer: iss,
      audience: aud,
      requiredClaims: ['nbf', 'exp'],
      clockTolerance: options.clockTolerance,
      currentDate
    })
    return { kind, identity, signingKey, expires: exp * 1000, principal: toPrincipal(token, payload) }
  } catch (error) {
    if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) {
      return refuseTime(kind, error, currentDate, options)
    }
    if (error instanceof errors.JOSEError) return new Refusal('InvalidSignature', { token: kind })
    throw error
  }
}

/** Refuses a token for its key: no published key has its `kid`, or the keys of that `kid` are bound to other issuers. */
function refuseKey (
  { kind, kid, identity: { tenantId } }: UnverifiedToken, keys: readonly SigningKey[], options: CheckedAuthenticationOptions
): Refusal {
  const { authority, jwksUri } = options
  const details = { token: kind, kid: describe(kid), jwksUri }
  if (keys.length === 0) {
    return new Refusal('UnknownKey', {
      ...details,
      option: 'jwksUri',
      hint: 'an application with its own signing key needs ?appid={client id} at the end of jwksUri'
    })
  }
  const issuers = keys.map(({ issuer }) => String(issuer))
  const ofOneTenant = issuers.every((issuer) => issuer.startsWith(`${authority}/`))
  return new Refusal('KeyOfOtherIssuer', {
    ...details,
    expected: issuerV2(tenantId, options),
    received: describe(issuers.join(' or ')),
    option: ofOneTenant ? 'jwksUri' : 'authority',
    hint: ofOneTenant
      ? 'jwksUri must list the keys of all tenants: {authority}/common/discovery/v2.0/keys'
      : 'authority and jwksUri must belong to the cloud that issues the tokens, authority in the spelling of the keys'
  })
}

/** Refuses a token for jose's error about `nbf` or `exp`, with the difference in seconds. */
function refuseTime (
  token: TokenKind, { claim, payload }: errors.JWTExpired | errors.JWTClaimValidationFailed, now: Date, { clockTolerance }: CheckedAuthenticationOptions
): Refusal {
  const seconds = Math.round(now.getTime() / 1000 - Number(payload[claim]))
  const details = { token, claim, option: 'clockTolerance', hint: "compare this server's clock with a time server" } as const
  if (claim === 'exp') {
    return new Refusal('TokenExpired', {
      ...details, expected: `less than ${clockTolerance} seconds ago`, received: `${seconds} seconds ago`
    })
  }
  if (claim === 'nbf') {
    return new Refusal('TokenNotYetValid', {
      ...details, expected: `in ${clockTolerance} seconds at most`, received: `in ${-seconds} seconds`
    })
  }
  return badClaim(token, claim, 'InvalidClaim')
}

/** Parsed by jose, which also verifies the signature, so that both use the same parser. */
function parse (token: string): { header: Record<string, unknown>, claims: Record<string, unknown> } | undefined {
  if (!isCompactJws(token)) return undefined
  try {
    return { header: ownCopy(decodeProtectedHeader(token)), claims: ownCopy(decodeJwt(token)) }
  } catch {
    return undefined
  }
}

const KEY_PARAMETERS = ['jku', 'jwk', 'x5c', 'x5u']
const TYPES = ['jwt', 'at+jwt', 'application/at+jwt']

/** The `kid` of a token with a valid JOSE header. */
function checkHeader (kind: TokenKind, { alg, kid, crit, typ, ...others }: Record<string, unknown>): string | Refusal {
  const refuse = (code: RefusalCode, details: RefusalDetails = {}) => new Refusal(code, { token: kind, ...details })
  if (alg !== 'RS256') return refuse('AlgorithmNotAllowed', { expected: 'RS256', received: describe(alg) })
  if (typeof kid !== 'string' || kid === '') return refuse('KeyIdMissing')
  if (crit !== undefined) return refuse('CriticalParameter')
  // Keys come from the authority's set only, never from the token.
  if (KEY_PARAMETERS.some((name) => Object.hasOwn(others, name))) return refuse('KeyInToken')
  // The type of a token that was issued for another purpose differs (RFC 8725, 3.11).
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.includes(typ.toLowerCase()))) {
    return refuse('TokenTypeNotAllowed', { expected: 'JWT or at+jwt', received: describe(typ) })
  }
  return kid
}

function toPrincipal (token: string, claims: JWTPayload): AcceptedToken['principal'] {
  const principal = ownCopy({ token: flatten(token), claims: deepFreeze(ownCopy(claims)) })
  Object.defineProperty(principal, 'token', { enumerable: false })
  return Object.freeze(principal)
}

/** Copies the token, so that the whole header, of which it is a slice, can be garbage collected. */
function flatten (token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1')
}

function deepFreeze<T> (value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
