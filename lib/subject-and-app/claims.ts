import type { AuthenticationOptions, CheckedAuthenticationOptions } from './options.js'
import { InsufficientScope, Refusal, badClaim, unexpectedClaim } from './refusal.js'
import type { IdentifierClaim, TokenKind } from './refusal.js'
import { isUuid } from './uuid.js'

/** What a token whose claims hold says about itself. */
export interface TokenIdentity {
  /** The issuer, with the token's own `tid` in it. */
  readonly iss: string
  readonly aud: string
  /** The tenant that issued the token, in lower case. */
  readonly tenantId: string
  /** The claim that names the calling application in the token's version. */
  readonly applicationClaim: 'appid' | 'azp'
  /** The calling application, in lower case. */
  readonly applicationId: string
  /** Seconds since 1970. */
  readonly exp: number
  /** The scopes of a subject token; none of an app token. */
  readonly scopes: readonly string[]
}

/** The v2.0 issuer of a tenant, which signing keys are bound to for tokens of both versions. */
export function issuerV2 (tid: string, { authority }: Pick<CheckedAuthenticationOptions, 'authority'>): string {
  return `${authority}/${tid}/v2.0`
}

/** What the claim `ver` decides. The two tokens of a request are checked each by its own version: after a publisher has
 * switched the version in the app registration, an app token of the old one is around for up to 24 hours. */
const versions = {
  '1.0': {
    issuer: (tid: string, { issuerV1 }: CheckedAuthenticationOptions) => `${issuerV1}/${tid}/`,
    issuerOption: 'issuerV1',
    isAudience: (aud: unknown, { audience }: CheckedAuthenticationOptions) => audience.some((each) => each === aud),
    audienceOption: 'audience',
    applicationClaim: 'appid'
  },
  '2.0': {
    issuer: issuerV2,
    issuerOption: 'authority',
    isAudience: (aud: unknown, { clientId }: CheckedAuthenticationOptions) => isUuid(aud) && aud.toLowerCase() === clientId,
    audienceOption: 'clientId',
    applicationClaim: 'azp'
  }
} as const

/**
 * Holds the claims of one token, taken as app token or as subject token, against the rules for it, row by row; time
 * (beyond the form of `nbf` and `exp`) and signature are for jose.
 */
export function checkClaims (
  token: TokenKind,
  claims: Readonly<Record<string, unknown>>,
  options: CheckedAuthenticationOptions
): TokenIdentity | Refusal {
  const { ver, tid, iss, aud, nbf, exp, idtyp, scp, oid } = claims
  const unexpected = (claim: IdentifierClaim, expected: string, option?: keyof AuthenticationOptions) =>
    unexpectedClaim(token, claim, { expected, received: claims[claim], option })

  // Both tokens.
  if (ver !== '1.0' && ver !== '2.0') return unexpected('ver', '1.0 or 2.0')
  const { issuer, issuerOption, isAudience, audienceOption, applicationClaim } = versions[ver]
  if (!isUuid(tid)) return unexpected('tid', 'a uuid')
  if (iss !== issuer(tid, options)) return unexpected('iss', issuer(tid, options), issuerOption)
  if (typeof aud !== 'string' || !isAudience(aud, options)) {
    return unexpected('aud', [options[audienceOption]].flat().join(' or '), audienceOption)
  }
  const application = claims[applicationClaim]
  const applicationId = isUuid(application) ? application.toLowerCase() : ''
  // The subject token's has to be the app token's besides (crossCheck), so it too is one of these.
  if (!options.fabricAppIds.includes(applicationId)) {
    return unexpected(applicationClaim, options.fabricAppIds.join(' or '), 'fabricAppIds')
  }
  if (!isUuid(oid)) return badClaim(token, 'oid', 'claim is not a uuid')
  if (!isNumericDate(nbf)) return badClaim(token, 'nbf', 'claim is not a time')
  if (!isNumericDate(exp)) return badClaim(token, 'exp', 'claim is not a time')

  const tenantId = tid.toLowerCase()
  const identity = { iss, aud, tenantId, applicationClaim, applicationId, exp }

  if (token === 'app') {
    if (idtyp !== 'app') return unexpected('idtyp', 'app')
    if (scp !== undefined) return unexpected('scp', '(absent)')
    if (tenantId !== options.publisherTenantId) return unexpected('tid', options.publisherTenantId, 'publisherTenantId')
    return { ...identity, scopes: [] }
  }
  if (idtyp !== undefined) return unexpected('idtyp', '(absent)')
  if (scp !== undefined && typeof scp !== 'string') return unexpected('scp', options.requiredScope, 'requiredScope')
  return { ...identity, scopes: scp?.split(' ') ?? [] }
}

/** Holds the subject token against the request that it came with: its tenant header and its app token. */
export function crossCheck (app: TokenIdentity, subject: TokenIdentity, clientTenantId: string): Refusal | undefined {
  if (subject.tenantId !== clientTenantId) {
    return unexpectedClaim('subject', 'tid', { expected: `${clientTenantId} (x-ms-client-tenant-id)`, received: subject.tenantId })
  }
  if (subject.applicationId !== app.applicationId) {
    return unexpectedClaim('subject', subject.applicationClaim, {
      expected: `${app.applicationId} (the app token's)`, received: subject.applicationId
    })
  }
  return undefined
}

/** Whether the scope is among the subject token's, as a whole word. Asked last, of a token that holds in everything else. */
export function checkScope ({ scopes }: TokenIdentity, { requiredScope }: CheckedAuthenticationOptions): Refusal | undefined {
  if (scopes.includes(requiredScope)) return undefined
  const received = scopes.length === 0 ? undefined : scopes.join(' ')
  const { reason, details } = unexpectedClaim('subject', 'scp', { expected: requiredScope, received, option: 'requiredScope' })
  return new InsufficientScope(reason, details)
}

const MAX_SECONDS = 8.64e12

/** Whole seconds since 1970 (RFC 7519, NumericDate) that a `Date` can hold. */
function isNumericDate (value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(Number(value)) <= MAX_SECONDS
}
