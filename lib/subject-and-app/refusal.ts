import { containsToken } from '../log/redact-tokens.js'
import type { AuthenticationOptions } from './options.js'

/** The two tokens of a request. */
export type TokenKind = 'app' | 'subject'

/** The claims whose expected and received values may be logged: they are identifiers, not secrets. */
export type IdentifierClaim = 'aud' | 'iss' | 'tid' | 'appid' | 'azp' | 'ver' | 'idtyp' | 'scp'

/** What the log says about a refusal besides its reason. The caller learns none of it. */
export interface RefusalDetails {
  /** Which of the two tokens. */
  readonly token?: TokenKind
  /** Which of its claims. */
  readonly claim?: string
  /** The `kid` of the token's header, bounded and escaped. */
  readonly kid?: string
  /** What would have been accepted. */
  readonly expected?: string
  /** What came, bounded and escaped. */
  readonly received?: string
  /** The option to check if the configuration is wrong. */
  readonly option?: keyof AuthenticationOptions
  /** Where the signing keys come from. */
  readonly jwksUri?: string
  /** What to check outside the options, e.g. in the app registration. */
  readonly hint?: string
}

/** Why a request is refused. A value, not an `Error`: a refusal needs no stack trace. */
export class Refusal {
  /** One of a fixed set of sentences: nothing that a caller sends is part of it. */
  readonly reason: string
  readonly details: RefusalDetails

  constructor (reason: string, details: RefusalDetails = {}) {
    this.reason = reason
    this.details = details
  }
}

/** The refusal of valid tokens of which the subject token lacks the required scope. */
export class InsufficientScope extends Refusal {}

/** Refuses a token for a claim whose value is not an identifier, and so is not logged. */
export function badClaim (token: TokenKind, claim: string, reason: string): Refusal {
  return new Refusal(reason, { token, claim })
}

/** What {@link unexpectedClaim} says about a claim. */
export interface UnexpectedClaim {
  readonly expected: string
  readonly received: unknown
  readonly option?: keyof AuthenticationOptions | undefined
  readonly hint?: string | undefined
}

/** Refuses a token for one of its identifiers, with what was expected and what came. */
export function unexpectedClaim (
  token: TokenKind, claim: IdentifierClaim, { expected, received, option, hint }: UnexpectedClaim
): Refusal {
  return new Refusal('unexpected claim', {
    token, claim, expected, received: describe(received), ...(option && { option }), ...(hint && { hint })
  })
}

const MAX_DESCRIBED = 256
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/g

/** A value from a token, as it may appear in a log: bounded, without control characters, and never a token itself. */
export function describe (value: unknown): string {
  if (value === undefined) return '(absent)'
  if (value === null) return '(null)'
  if (Array.isArray(value)) return '(an array)'
  if (typeof value !== 'string') return `(of type ${typeof value})`
  if (value === '') return '(empty)'
  const beginning = value.slice(0, MAX_DESCRIBED)
  if (containsToken(beginning)) return '(looks like a token)'
  const printable = beginning.replace(NOT_PRINTABLE_ASCII, escape)
  return value.length > MAX_DESCRIBED ? `${printable}... (${value.length} characters)` : printable
}

function escape (character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
