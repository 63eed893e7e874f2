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
 * The value of each header of this name, in the order in which they came.
 *
 * Read from `rawHeaders`, because in `headers` Node keeps the first of several Authorization headers and joins others.
 *
 * @param name In lower case.
 */
export function headerValues (rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, i) =>
    i % 2 === 1 && rawHeaders[i - 1]?.length === name.length && rawHeaders[i - 1]?.toLowerCase() === name)
}

/**
 * Takes an Authorization header apart: `SubjectAndAppToken1.0 subjectToken="…", appToken="…"`, this shape and no other.
 *
 * What stands between the quotes is free of quotes for the subject token, and anything for the app token: each is
 * checked with {@link isCompactJws}, unless it is, letter for letter, a token that has been before.
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

// Whole groups of four characters, then at most one of two or three whose unused bits are zero (RFC 4648, 3.5): with
// other bits there, the same signature would have several spellings.
const BASE64URL = /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/

/** Whether a value has the form of a compact JWS (RFC 7515, 7.1): three parts of base64url, the first a JSON object. */
export function isCompactJws (value: string): boolean {
  if (!value.startsWith('eyJ')) return false
  const parts = value.split('.', 4)
  return parts.length === 3 && parts.every((part) => part !== '' && BASE64URL.test(part))
}
