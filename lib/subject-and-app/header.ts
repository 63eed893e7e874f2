const OPENING = 'SubjectAndAppToken1.0 subjectToken="'
const BETWEEN = '", appToken="'
const CLOSING = '"'

/** The longest Authorization header looked at, in characters. Fabric's have about 2,400; Node takes 16 KiB of all headers. */
const MAX_LENGTH = 16_384

/** The two values of a SubjectAndApp header; `subjectToken` is empty where no user is behind the call. */
export interface TokenPair {
  readonly subjectToken: string
  readonly appToken: string
}

/**
 * Takes an Authorization header apart: `SubjectAndAppToken1.0 subjectToken="…", appToken="…"`, this shape and no other.
 *
 * What stands between the quotes is still to be checked with {@link isCompactJws}, but for a token that is letter by
 * letter one that was accepted before: that saves 3 µs a pair.
 */
export function splitAuthorization (value: string): TokenPair | undefined {
  if (value.length > MAX_LENGTH || !value.startsWith(OPENING) || !value.endsWith(CLOSING)) return undefined
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
 * Whether base64url characters are what an encoder makes of bytes (RFC 4648, 3.5): no single character is left over,
 * and unused bits are zero. With other bits there the same signature would have several spellings.
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
