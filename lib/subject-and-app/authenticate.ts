import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { promisify } from 'node:util'

import { ownCopy } from '../own-properties.js'
import type { AcceptedTokens } from './accepted-tokens.js'
import type { Caller } from './caller.js'
import { checkScope, crossCheck } from './claims.js'
import { splitAuthorization } from './header.js'
import type { CheckedAuthenticationOptions } from './options.js'
import { Refusal } from './refusal.js'
import type { TokenKind } from './refusal.js'
import type { SigningKeys } from './signing-keys.js'
import { isUuid } from './uuid.js'
import { decode, isAccepted, verify } from './verify.js'
import type { AcceptedToken, UnverifiedToken } from './verify.js'

/** Read at import, so that mocked timers in a host's tests do not delay the verification. */
const endOfTurn = promisify(setImmediate)

/** Options of {@link Authenticator}. */
export interface AuthenticatorOptions {
  readonly options: CheckedAuthenticationOptions
  readonly signingKeys: Pick<SigningKeys, 'find'>
  readonly acceptedTokens: Pick<AcceptedTokens, 'get' | 'add'>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Authenticates a request by its SubjectAndApp tokens. */
export class Authenticator {
  readonly #options: CheckedAuthenticationOptions
  readonly #signingKeys: AuthenticatorOptions['signingKeys']
  readonly #acceptedTokens: AuthenticatorOptions['acceptedTokens']
  readonly #now: () => number
  /** Verifications in progress, so that a token of many simultaneous requests is verified once. */
  readonly #verifying: Record<TokenKind, Map<string, Promise<AcceptedToken | Refusal>>> = { app: new Map(), subject: new Map() }

  constructor ({ options, signingKeys, acceptedTokens, now }: AuthenticatorOptions) {
    this.#options = options
    this.#signingKeys = signingKeys
    this.#acceptedTokens = acceptedTokens
    this.#now = now
  }

  /**
   * Returns the caller of a request, or the reason of a refusal. The result is a promise only if a signature has to be verified.
   *
   * The promise rejects with `SigningKeysUnavailable` when there are no signing keys.
   */
  authenticate (headers: RequestHeaders): Caller | Refusal | Promise<Caller | Refusal> {
    const credentials = readCredentials(headers, this.#options)
    if (credentials instanceof Refusal) return credentials
    const { appToken, subjectToken, clientTenantId } = credentials
    const now = this.#now()

    const app = this.#look('app', appToken, now)
    if (app instanceof Refusal) return app
    const subject = subjectToken === '' ? undefined : this.#look('subject', subjectToken, now)
    if (subject instanceof Refusal) return subject
    const caller = memoizedCaller(app, subject, clientTenantId)
    if (caller) return caller
    const mismatch = subject && crossCheck(app.identity, subject.identity, clientTenantId)
    if (mismatch) return mismatch

    return isAccepted(app) && (subject === undefined || isAccepted(subject))
      ? this.#accept(clientTenantId, app, subject)
      : this.#verifyBoth(clientTenantId, app, subject)
  }

  #look (kind: TokenKind, token: string, now: number): AcceptedToken | UnverifiedToken | Refusal {
    return this.#acceptedTokens.get(kind, token, now) ?? decode(kind, token, this.#options)
  }

  async #verifyBoth (
    clientTenantId: string,
    app: AcceptedToken | UnverifiedToken,
    subject: AcceptedToken | UnverifiedToken | undefined
  ): Promise<Caller | Refusal> {
    // Verify the tokens of one turn of the event loop together: this wakes up the thread pool less often.
    await endOfTurn()
    const [verifiedApp, verifiedSubject] = await Promise.all([this.#verified(app), subject && this.#verified(subject)])
    if (verifiedApp instanceof Refusal) return verifiedApp
    if (verifiedSubject instanceof Refusal) return verifiedSubject
    return this.#accept(clientTenantId, verifiedApp, verifiedSubject)
  }

  #verified (token: AcceptedToken | UnverifiedToken): AcceptedToken | Promise<AcceptedToken | Refusal> {
    if (isAccepted(token)) return token
    const underWay = this.#verifying[token.kind]
    let verified = underWay.get(token.token)
    if (verified === undefined) {
      verified = this.#verify(token).finally(() => underWay.delete(token.token))
      underWay.set(token.token, verified)
    }
    return verified
  }

  async #verify (token: UnverifiedToken): Promise<AcceptedToken | Refusal> {
    const verified = await verify(token, { signingKeys: this.#signingKeys, options: this.#options, now: this.#now })
    if (!(verified instanceof Refusal)) this.#acceptedTokens.add(verified, this.#now())
    return verified
  }

  /** Checks the scope, the last check, and creates the caller. */
  #accept (clientTenantId: string, app: AcceptedToken, subject: AcceptedToken | undefined): Caller | Refusal {
    const insufficient = subject && checkScope(subject.identity, this.#options)
    if (insufficient) return insufficient
    const caller = toCaller(clientTenantId, app, subject)
    const memo = subject ?? app
    memo.lastCaller = { app, clientTenantId, caller }
    return caller
  }
}

/**
 * The caller memoized for this token pair and tenant. Both tokens were found in the cache, so they are still valid, and the
 * result of comparing them with each other cannot have changed.
 */
function memoizedCaller (
  app: AcceptedToken | UnverifiedToken, subject: AcceptedToken | UnverifiedToken | undefined, clientTenantId: string
): Caller | undefined {
  const memo = subject ?? app
  const last = isAccepted(memo) ? memo.lastCaller : undefined
  return last?.app === app && last.clientTenantId === clientTenantId ? last.caller : undefined
}

interface Credentials {
  readonly appToken: string
  /** Empty for a call without a user. */
  readonly subjectToken: string
  /** In lower case. */
  readonly clientTenantId: string
}

/** The headers of a request as Node has them. Some serverless adapters leave `rawHeaders` out. */
export type RequestHeaders = Partial<Pick<IncomingMessage, 'rawHeaders'>> & Pick<IncomingMessage, 'headers'>

function readCredentials (headers: RequestHeaders, options: CheckedAuthenticationOptions): Credentials | Refusal {
  const authorization = onlyHeader(headers, 'authorization')
  if (authorization instanceof Refusal) return authorization
  if (authorization === undefined) return new Refusal('AuthorizationMissing')
  const tokens = splitAuthorization(authorization)
  if (tokens === undefined) return new Refusal('AuthorizationMalformed')
  if (tokens.subjectToken === '' && options.subjectToken === 'required') {
    return new Refusal('SubjectTokenMissing', { token: 'subject', option: 'subjectToken' })
  }
  const clientTenantId = readTenant(headers)
  if (clientTenantId instanceof Refusal) return clientTenantId
  return { appToken: tokens.appToken, subjectToken: tokens.subjectToken, clientTenantId }
}

/** The tenant, in lower case. Microsoft's pages on the Extensibility Toolkit name its header without `x-`. */
function readTenant (headers: RequestHeaders): string | Refusal {
  const tenant = readUuid(headers, TENANT)
  if (tenant instanceof Refusal) return tenant
  const toolkitTenant = readUuid(headers, TOOLKIT_TENANT)
  if (toolkitTenant instanceof Refusal) return toolkitTenant
  if (tenant !== undefined && toolkitTenant !== undefined && tenant !== toolkitTenant) {
    return new Refusal('TenantsDiffer')
  }
  return tenant ?? toolkitTenant ?? new Refusal('TenantMissing')
}

function readUuid (headers: RequestHeaders, name: keyof typeof MALFORMED): string | undefined | Refusal {
  const value = onlyHeader(headers, name)
  if (value === undefined || value instanceof Refusal) return value
  return isUuid(value) ? value.toLowerCase() : new Refusal(MALFORMED[name])
}

const TENANT = 'x-ms-client-tenant-id'
const TOOLKIT_TENANT = 'ms-client-tenant-id'

const REPEATED = { authorization: 'AuthorizationRepeated', [TENANT]: 'TenantRepeated', [TOOLKIT_TENANT]: 'ToolkitTenantRepeated' } as const
const MALFORMED = { [TENANT]: 'TenantMalformed', [TOOLKIT_TENANT]: 'ToolkitTenantMalformed' } as const

/**
 * The value of a header that must not be repeated. Read from `rawHeaders` if present, because in `headers` Node keeps only
 * the first of several Authorization headers and joins the values of other repeated headers.
 */
function onlyHeader ({ rawHeaders, headers }: RequestHeaders, name: keyof typeof REPEATED): string | undefined | Refusal {
  if (rawHeaders === undefined || rawHeaders.length === 0) return parsedHeader(headers, name)
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length !== name.length || rawHeaders[i]?.toLowerCase() !== name) continue
    if (value !== undefined) return new Refusal(REPEATED[name])
    value = rawHeaders[i + 1]
  }
  return value
}

function parsedHeader (headers: IncomingHttpHeaders, name: keyof typeof REPEATED): string | undefined | Refusal {
  if (!Object.hasOwn(headers, name)) return undefined
  const value = headers[name]
  return Array.isArray(value) ? new Refusal(REPEATED[name]) : value
}

function toCaller (tenantId: string, { principal: { claims } }: AcceptedToken, subject: AcceptedToken | undefined): Caller {
  const app = Object.freeze(ownCopy({ claims }))
  return Object.freeze(ownCopy(subject === undefined ? { tenantId, app } : { tenantId, app, subject: subject.principal }))
}
