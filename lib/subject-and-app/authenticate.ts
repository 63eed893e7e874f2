import type { AcceptedTokens } from './accepted-tokens.js'
import type { Caller } from './caller.js'
import { checkScope, crossCheck } from './claims.js'
import { headerValues, splitAuthorization } from './header.js'
import type { CheckedAuthenticationOptions } from './options.js'
import { Refusal } from './refusal.js'
import type { TokenKind } from './refusal.js'
import type { SigningKeys } from './signing-keys.js'
import { isUuid } from './uuid.js'
import { decode, isAccepted, verify } from './verify.js'
import type { AcceptedToken, UnverifiedToken } from './verify.js'

/** What {@link Authenticator} is made of. */
export interface AuthenticatorOptions {
  readonly options: CheckedAuthenticationOptions
  readonly signingKeys: Pick<SigningKeys, 'find'>
  readonly acceptedTokens: Pick<AcceptedTokens, 'get' | 'add'>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Tells Fabric from anybody else by the headers of a request. */
export class Authenticator {
  readonly #options: CheckedAuthenticationOptions
  readonly #signingKeys: AuthenticatorOptions['signingKeys']
  readonly #acceptedTokens: AuthenticatorOptions['acceptedTokens']
  readonly #now: () => number
  /** First sights under way, so that a token that comes with many requests at once is verified once. */
  readonly #verifying: Record<TokenKind, Map<string, Promise<AcceptedToken | Refusal>>> = { app: new Map(), subject: new Map() }

  constructor ({ options, signingKeys, acceptedTokens, now }: AuthenticatorOptions) {
    this.#options = options
    this.#signingKeys = signingKeys
    this.#acceptedTokens = acceptedTokens
    this.#now = now
  }

  /**
   * Who is behind a request, or why it is refused: at once where both tokens were accepted before and wherever the
   * refusal needs no signature, else as a promise.
   *
   * The promise rejects with `SigningKeysUnavailable` when there are no keys to tell from.
   */
  authenticate (rawHeaders: readonly string[]): Caller | Refusal | Promise<Caller | Refusal> {
    const credentials = readCredentials(rawHeaders, this.#options)
    if (credentials instanceof Refusal) return credentials
    const { appToken, subjectToken, clientTenantId } = credentials

    const app = this.#look('app', appToken)
    if (app instanceof Refusal) return app
    const subject = subjectToken === '' ? undefined : this.#look('subject', subjectToken)
    if (subject instanceof Refusal) return subject
    const mismatch = subject && crossCheck(app.identity, subject.identity, clientTenantId)
    if (mismatch) return mismatch

    return isAccepted(app) && (subject === undefined || isAccepted(subject))
      ? this.#admit(clientTenantId, app, subject)
      : this.#admitVerified(clientTenantId, app, subject)
  }

  #look (kind: TokenKind, token: string): AcceptedToken | UnverifiedToken | Refusal {
    return this.#acceptedTokens.get(kind, token, this.#now()) ?? decode(kind, token, this.#options)
  }

  async #admitVerified (
    clientTenantId: string,
    app: AcceptedToken | UnverifiedToken,
    subject: AcceptedToken | UnverifiedToken | undefined
  ): Promise<Caller | Refusal> {
    const [verifiedApp, verifiedSubject] = await Promise.all([this.#verified(app), subject && this.#verified(subject)])
    if (verifiedApp instanceof Refusal) return verifiedApp
    if (verifiedSubject instanceof Refusal) return verifiedSubject
    return this.#admit(clientTenantId, verifiedApp, verifiedSubject)
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

  /** The last question, asked of tokens that hold in everything else. */
  #admit (clientTenantId: string, app: AcceptedToken, subject: AcceptedToken | undefined): Caller | Refusal {
    return (subject && checkScope(subject.identity, this.#options)) ?? toCaller(clientTenantId, app, subject)
  }
}

interface Credentials {
  readonly appToken: string
  /** Empty where no user is behind the call. */
  readonly subjectToken: string
  /** In lower case. */
  readonly clientTenantId: string
}

function readCredentials (rawHeaders: readonly string[], options: CheckedAuthenticationOptions): Credentials | Refusal {
  const authorization = onlyHeader(rawHeaders, 'authorization')
  if (authorization instanceof Refusal) return authorization
  const tokens = splitAuthorization(authorization)
  if (tokens === undefined) return new Refusal('authorization header has not the form of SubjectAndApp')
  if (tokens.subjectToken === '' && options.subjectToken === 'required') {
    return new Refusal('token is empty', { token: 'subject', option: 'subjectToken' })
  }
  const clientTenantId = onlyHeader(rawHeaders, 'x-ms-client-tenant-id')
  if (clientTenantId instanceof Refusal) return clientTenantId
  if (!isUuid(clientTenantId)) return new Refusal('x-ms-client-tenant-id header is not a uuid')
  return { appToken: tokens.appToken, subjectToken: tokens.subjectToken, clientTenantId: clientTenantId.toLowerCase() }
}

function onlyHeader (rawHeaders: readonly string[], name: string): string | Refusal {
  const [value, ...others] = headerValues(rawHeaders, name)
  if (value === undefined) return new Refusal(`${name} header is missing`)
  if (others.length > 0) return new Refusal(`${name} header is repeated`)
  return value
}

function toCaller (tenantId: string, { principal: { claims } }: AcceptedToken, subject: AcceptedToken | undefined): Caller {
  const app = Object.freeze({ claims })
  return Object.freeze(subject === undefined ? { tenantId, app } : { tenantId, app, subject: subject.principal })
}
