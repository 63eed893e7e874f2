import { containsToken } from '../log/redact-tokens.js'
import type { AuthenticationOptions } from './options.js'

/** The two tokens of a request. */
export type TokenKind = 'app' | 'subject'

/** The claims whose expected and received values may be logged: they are identifiers, not secrets. */
export type IdentifierClaim = 'aud' | 'iss' | 'tid' | 'appid' | 'azp' | 'ver' | 'idtyp' | 'scp'

/** Details of a refusal in the log, besides its reason. None of them is sent to the caller. */
export interface RefusalDetails {
  /** Which of the two tokens. */
  readonly token?: TokenKind
  /** Which of its claims. */
  readonly claim?: string
  /** The `kid` of the token's header, bounded and escaped. */
  readonly kid?: string
  /** The accepted value. */
  readonly expected?: string
  /** The received value, bounded and escaped. */
  readonly received?: string
  /** The option to check if the configuration is wrong. */
  readonly option?: keyof AuthenticationOptions
  /** The address of the signing keys. */
  readonly jwksUri?: string
  /** Other things to check, e.g. in the app registration. */
  readonly hint?: string
}

/** The reasons of refusals: the code for metrics, and the sentence for the log. Neither contains anything that a caller sends. */
export const REASONS = {
  AuthorizationMissing: 'the authorization header is missing',
  AuthorizationRepeated: 'the authorization header is repeated',
  AuthorizationMalformed: 'the authorization header does not have the form of SubjectAndApp',
  SubjectTokenMissing: 'the subject token is empty',
  TenantMissing: 'the x-ms-client-tenant-id header is missing',
  TenantRepeated: 'the x-ms-client-tenant-id header is repeated',
  TenantMalformed: 'the x-ms-client-tenant-id header is not a UUID',
  ToolkitTenantRepeated: 'the ms-client-tenant-id header is repeated',
  ToolkitTenantMalformed: 'the ms-client-tenant-id header is not a UUID',
  TenantsDiffer: 'the x-ms-client-tenant-id and ms-client-tenant-id headers differ',
  TokenMalformed: 'the token is not a compact JWS of two JSON objects',
  AlgorithmNotAllowed: 'JOSE header: alg is not RS256',
  KeyIdMissing: 'JOSE header: kid is missing',
  CriticalParameter: 'JOSE header: crit is not supported',
  KeyInToken: 'JOSE header: the token brings its own key',
  TokenTypeNotAllowed: 'JOSE header: typ is not that of an access token',
  UnexpectedClaim: 'unexpected claim',
  ClaimNotUuid: 'the claim is not a UUID',
  ClaimNotTime: 'the claim is not a time',
  InvalidClaim: 'the claim is invalid',
  UnknownKey: 'no published key has this kid',
  KeyOfOtherIssuer: 'the key of this kid signs for another issuer',
  InvalidSignature: 'the signature is invalid',
  TokenExpired: 'the token has expired',
  TokenNotYetValid: 'the token is not valid yet'
} as const

/** Why a request is refused, as a label of metrics. */
export type RefusalCode = keyof typeof REASONS

/** Why a request is refused. A value, not an `Error`: a refusal needs no stack trace. */
export class Refusal {
  readonly code: RefusalCode
  readonly details: RefusalDetails

  constructor (code: RefusalCode, details: RefusalDetails = {}) {
    this.code = code
    this.details = details
  }

  /** The code as a sentence. */
  get reason (): string {
    return REASONS[this.code]
  }
}

/** The refusal of valid tokens of which the subject token lacks the required scope. */
export class InsufficientScope extends Refusal {}

/** Refuses a token for a claim whose value is not an identifier, and so is not logged. */
export function badClaim (token: TokenKind, claim: string, code: RefusalCode): Refusal {
  return new Refusal(code, { token, claim })
}

/** Options of {@link unexpectedClaim}. */
export interface UnexpectedClaim {
  readonly expected: string
  readonly received: unknown
  readonly option?: keyof AuthenticationOptions | undefined
  readonly hint?: string | undefined
}

/** Refuses a token for one of its identifiers, with the expected and the received value. */
export function unexpectedClaim (
  token: TokenKind, claim: IdentifierClaim, { expected, received, option, hint }: UnexpectedClaim
): Refusal {
  return new Refusal('UnexpectedClaim', {
    token, claim, expected, received: describe(received), ...(option && { option }), ...(hint && { hint })
  })
}

const MAX_DESCRIBED = 256
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/g

/** Formats a value from a token for the log: bounded, without control characters, and never a token itself. */
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
