import type { AuthenticationOptions } from './options.js'

/** The two places that a token can stand in. */
export type TokenKind = 'app' | 'subject'

/** The claims whose expected and received values may be logged: they are identifiers, no secrets. */
export type IdentifierClaim = 'aud' | 'iss' | 'tid' | 'appid' | 'azp' | 'ver' | 'idtyp' | 'scp'

/** What the log is told of a refusal besides its reason; the caller is told nothing of it. */
export interface RefusalDetails {
  /** Which of the two tokens. */
  readonly token?: TokenKind
  /** Which of its claims. */
  readonly claim?: string
  /** What would have been accepted in the claim. */
  readonly expected?: string
  /** What came, bounded and escaped. */
  readonly received?: string
  /** The option to look at if it is the configuration that is wrong. */
  readonly option?: keyof AuthenticationOptions
}

/** Why a request is refused. A value, not an `Error`: refusing strangers should not pay for stack traces. */
export class Refusal {
  readonly reason: string
  readonly details: RefusalDetails

  constructor (reason: string, details: RefusalDetails = {}) {
    this.reason = reason
    this.details = details
  }
}

/** The refusal of tokens that hold, for want of the user's consent. */
export class InsufficientScope extends Refusal {}

/** The refusal of a token for a claim whose value is no identifier, and so is not logged. */
export function badClaim (token: TokenKind, claim: string, reason: string): Refusal {
  return new Refusal(reason, { token, claim })
}

/** The refusal of a token for one of its identifiers, with what was expected and what came. */
export function unexpectedClaim (
  token: TokenKind,
  claim: IdentifierClaim,
  { expected, received, option }: { expected: string, received: unknown, option?: keyof AuthenticationOptions | undefined }
): Refusal {
  return new Refusal('unexpected claim', { token, claim, expected, received: describe(received), ...(option && { option }) })
}

const MAX_DESCRIBED = 256
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/g

/** A stranger's value as it may stand in a log: never a token, bounded, without control characters. */
function describe (value: unknown): string {
  if (value === undefined) return '(absent)'
  if (value === null) return '(null)'
  if (Array.isArray(value)) return '(an array)'
  if (typeof value !== 'string') return `(of type ${typeof value})`
  if (value === '') return '(empty)'
  if (value.includes('eyJ')) return '(looks like a token)'
  const printable = value.slice(0, MAX_DESCRIBED).replace(NOT_PRINTABLE_ASCII, escape)
  return value.length > MAX_DESCRIBED ? `${printable}... (${value.length} characters)` : printable
}

function escape (character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
