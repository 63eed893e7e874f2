const OPENING = 'SubjectAndAppToken1.0 subjectToken="'
const BETWEEN = '", appToken="'
const CLOSING = '"'

/** The two values of a SubjectAndApp header; `subjectToken` is empty for a call without a user. */
export interface TokenPair {
  readonly subjectToken: string
  readonly appToken: string
}

/**
 * Splits an Authorization header of exactly the form `SubjectAndAppToken1.0 subjectToken="…", appToken="…"`. Node limits its
 * length (`maxHeaderSize`): tokens of users with many groups exceed the default.
 *
 * The two values are not checked with {@link isCompactJws} yet, because a cached token needs no check.
 */
export function splitAuthorization (value: string): TokenPair | undefined {
  if (!value.startsWith(OPENING) || !value.endsWith(CLOSING)) return undefined
  const subjectEnd = value.indexOf(CLOSING, OPENING.length)
  if (!value.startsWith(BETWEEN, subjectEnd)) return undefined
  return {
    subjectToken: value.slice(OPENING.length, subjectEnd),
    appToken: value.slice(subjectEnd + BETWEEN.length, -CLOSING.length)
  }
}

const COMPACT_JWS = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/

/** Whether a value has the form of a compact JWS (RFC 7515, 7.1): three parts of base64url, the first a JSON object. */
export function isCompactJws (value: string): boolean {
  return COMPACT_JWS.test(value) && value.split('.').every(isCanonical)
}

/**
 * Whether a text is canonical base64url (RFC 4648, 3.5): no single character is left over, and unused bits are zero.
 * Otherwise the same signature would have several encodings.
 */
function isCanonical (base64url: string): boolean {
  const last = base64url.slice(-1)
  switch (base64url.length % 4) {
    case 0: return true
    case 2: return 'AQgw'.includes(last)
    case 3: return 'AEIMQUYcgkosw048'.includes(last)
    default: return false
  }
}
