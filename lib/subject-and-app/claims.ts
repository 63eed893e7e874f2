import type { AuthenticationOptions, CheckedAuthenticationOptions } from './options.js'
import { InsufficientScope, Refusal, badClaim, unexpectedClaim } from './refusal.js'
import type { IdentifierClaim, TokenKind } from './refusal.js'
import { isUuid } from './uuid.js'

/** The identity in a token's claims, after these were validated. */
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
  /** Seconds since 1970; may have a fraction. */
  readonly exp: number
  /** The scopes of a subject token; none of an app token. */
  readonly scopes: readonly string[]
}

/** The v2.0 issuer of a tenant. Signing keys are bound to it, also for v1.0 tokens. */
export function issuerV2 (tid: string, { authority }: Pick<CheckedAuthenticationOptions, 'authority'>): string {
  return `${authority}/${tid}/v2.0`
}

/** The rules for each value of the claim `ver`. Each token is checked by its own version: after a publisher has changed the
 * version in the app registration, app tokens of the old one are valid for up to 24 hours. */
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
 * Validates a token's claims, as those of an app token or of a subject token. Time (beyond the form of `nbf` and `exp`)
 * and signature are checked by jose.
 */
export function checkClaims (
  token: TokenKind,
  claims: Readonly<Record<string, unknown>>,
  options: CheckedAuthenticationOptions
): TokenIdentity | Refusal {
  const { ver, tid, iss, aud, nbf, exp, idtyp, scp, oid } = claims
  const unexpected = (claim: IdentifierClaim, expected: string, option?: keyof AuthenticationOptions, hint?: string) =>
    unexpectedClaim(token, claim, { expected, received: claims[claim], option, hint })

  // Both tokens.
  if (ver !== '1.0' && ver !== '2.0') return unexpected('ver', '1.0 or 2.0')
  const { issuer, issuerOption, isAudience, audienceOption, applicationClaim } = versions[ver]
  if (!isUuid(tid)) return unexpected('tid', 'a UUID')
  if (iss !== issuer(tid, options)) return unexpected('iss', issuer(tid, options), issuerOption)
  if (typeof aud !== 'string' || !isAudience(aud, options)) {
    const expected = [options[audienceOption]].flat().join(' or ')
    return unexpected('aud', expected, audienceOption, aud === options.clientId ? HINTS.clientIdAsAudience : undefined)
  }
  const application = claims[applicationClaim]
  const applicationId = isUuid(application) ? application.toLowerCase() : ''
  // The subject token's must also equal the app token's (crossCheck), so it too is one of these.
  if (!options.fabricAppIds.includes(applicationId)) {
    return unexpected(applicationClaim, options.fabricAppIds.join(' or '), 'fabricAppIds')
  }
  if (!isUuid(oid)) return badClaim(token, 'oid', 'ClaimNotUuid')
  if (!isNumericDate(nbf)) return badClaim(token, 'nbf', 'ClaimNotTime')
  if (!isNumericDate(exp)) return badClaim(token, 'exp', 'ClaimNotTime')

  const tenantId = tid.toLowerCase()
  const identity = { iss, aud, tenantId, applicationClaim, applicationId, exp }

  if (token === 'app') {
    if (idtyp !== 'app') return unexpected('idtyp', 'app', undefined, hintOnIdtyp(claims))
    if (scp !== undefined) return unexpected('scp', '(absent)')
    if (tenantId !== options.publisherTenantId) return unexpected('tid', options.publisherTenantId, 'publisherTenantId')
    return { ...identity, scopes: [] }
  }
  if (idtyp !== undefined) return unexpected('idtyp', '(absent)', undefined, idtyp === 'user' ? HINTS.idtypOfUser : undefined)
  if (scp !== undefined && typeof scp !== 'string') return unexpected('scp', options.requiredScope, 'requiredScope')
  return { ...identity, scopes: scp?.split(' ') ?? [] }
}

/** Hints on what to change in the app registration or in the options. */
const HINTS = {
  clientIdAsAudience: 'a v1.0 token may have the client id as its audience: set audience to [Application ID URI, client id]',
  noIdtyp: 'add the optional claim idtyp for access tokens to the app registration (Token configuration)',
  userAsApp: 'this is a token of a user, in the place of the app token',
  idtypOfUser: 'remove the additional property include_user_token of the optional claim idtyp from the app registration (Manifest)',
  noScope: 'the app registration must expose the scope (Expose an API) and list the applications of Fabric as authorized clients'
}

function hintOnIdtyp ({ idtyp, scp }: Readonly<Record<string, unknown>>): string | undefined {
  if (scp !== undefined) return HINTS.userAsApp
  return idtyp === undefined ? HINTS.noIdtyp : undefined
}

/** Compares the subject token with the request that it came with: its tenant header and its app token. */
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

/** Whether the scope is one of the subject token's, as a whole word. Checked last, on tokens that are valid otherwise. */
export function checkScope ({ scopes }: TokenIdentity, { requiredScope }: CheckedAuthenticationOptions): Refusal | undefined {
  if (scopes.includes(requiredScope)) return undefined
  const received = scopes.length === 0 ? undefined : scopes.join(' ')
  const { code, details } = unexpectedClaim('subject', 'scp', {
    expected: requiredScope, received, option: 'requiredScope', hint: HINTS.noScope
  })
  return new InsufficientScope(code, details)
}

const MAX_SECONDS = 8.64e12

/** Seconds since 1970 (RFC 7519, NumericDate), fractions included, that a `Date` can represent. */
function isNumericDate (value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= MAX_SECONDS
}
