import type { IncomingMessage } from 'node:http'

import type { FastifyBaseLogger } from 'fastify'

import { toWorkloadError } from '../errors/error-response.js'
import { authenticationFailed, insufficientScope, signingKeysUnavailable } from '../errors/failures.js'
import { loggableError } from '../log/loggable-error.js'
import type { Authenticator } from './authenticate.js'
import type { Caller } from './caller.js'
import { diagnostics } from './diagnostics.js'
import { InsufficientScope, Refusal } from './refusal.js'
import type { RefusalLog } from './refusal-log.js'
import { SigningKeysUnavailable } from './signing-keys.js'

const { refusal } = diagnostics

/**
 * Authenticates a request by its SubjectAndApp tokens. It is an `onRequest` hook that rejects every request without valid
 * tokens, and it can be awaited in a handler, where it returns the caller.
 *
 * A request is authenticated once, however often this is called for it. A handler that awaits it is safe even where another
 * hook of the server completes twice, or another plugin replaces the route's hooks.
 *
 * @returns the caller, which is also in `request.fabricCaller`
 * @throws {WorkloadError} 401 `AuthenticationFailed`, 403 `InsufficientScope` or 503 `SigningKeysUnavailable`
 *
 * @example
 * app.get('/workspaces/:id', { onRequest: app.authenticateSubjectAndApp }, async (request) => {
 *   const { tenantId } = await app.authenticateSubjectAndApp(request)
 *   return { tenantId }
 * })
 */
export interface AuthenticationHook {
  (request: AuthenticatedRequest): Promise<Caller>
  /** The hook signature of Fastify: a request with cached tokens continues in the same tick. */
  (request: AuthenticatedRequest, reply: unknown, done: (error?: Error) => void): void
}

/** The parts of Fastify's request that authentication uses, so that it accepts HTTP/2 and any type provider. */
export interface AuthenticatedRequest {
  /** Node's request, with its headers. */
  readonly raw: Pick<IncomingMessage, 'rawHeaders' | 'headers'>
  /** The request's logger: it gets the reason of a refusal. */
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** The caller, once the request is authenticated. */
  fabricCaller: Caller | undefined
}

/** The hooks that this package created: no other function is accepted as authentication. */
const hooks = new WeakSet<object>()

/** True for a hook that {@link buildAuthenticationHook} created; a server may have another decorator of the same name. */
export function isAuthenticationHook (hook: unknown): hook is AuthenticationHook {
  return typeof hook === 'function' && hooks.has(hook)
}

/** The caller, the error of a refused request, or a promise while signatures are verified. */
type Outcome = Caller | Error | Promise<Caller>

/** Returns the object that it is given. */
class Same {
  constructor (object: object) {
    return object
  }
}

/**
 * Adds the outcome of authentication to a request as private fields: like an entry of a WeakMap, other code can neither read nor
 * write them, and an object that inherits from the request does not have them. The garbage collection of a WeakMap with an entry
 * for each request costs 4% of a poll's CPU time.
 */
class Authenticated extends Same {
  #authenticator: object | undefined
  #outcome: Outcome | undefined

  static get (request: object, authenticator: object): Outcome | undefined {
    return #outcome in request && request.#authenticator === authenticator ? request.#outcome : undefined
  }

  static set (request: object, authenticator: object, outcome: Outcome): void {
    const authenticated = #outcome in request ? request : new Authenticated(request)
    authenticated.#authenticator = authenticator
    authenticated.#outcome = outcome
  }
}

/** Builds the hook over an {@link Authenticator}. */
export function buildAuthenticationHook (
  authenticator: Pick<Authenticator, 'authenticate'>, refusalLog: Pick<RefusalLog, 'write'>
): AuthenticationHook {
  function outcomeOf (request: AuthenticatedRequest): Outcome {
    let outcome = Authenticated.get(request, authenticator)
    if (outcome === undefined) {
      outcome = authenticate(request)
      Authenticated.set(request, authenticator, outcome)
    }
    return outcome
  }

  function authenticate (request: AuthenticatedRequest): Outcome {
    try {
      const found = authenticator.authenticate(request.raw)
      return found instanceof Promise ? authenticateLater(request, found) : conclude(request, found)
    } catch (thrown) {
      // The host's logger threw, or the request is read-only.
      return toWorkloadError(thrown)
    }
  }

  async function authenticateLater (request: AuthenticatedRequest, found: Promise<Caller | Refusal>): Promise<Caller> {
    try {
      const outcome = conclude(request, await found)
      if (outcome instanceof Error) throw outcome
      return outcome
    } catch (error) {
      if (!(error instanceof SigningKeysUnavailable)) throw error
      request.log.warn({ err: loggableError(error) }, 'SubjectAndApp authentication unavailable')
      throw signingKeysUnavailable(error.retryAfter, error)
    }
  }

  function conclude (request: AuthenticatedRequest, found: Caller | Refusal): Caller | Error {
    if (!(found instanceof Refusal)) {
      request.fabricCaller = found
      return found
    }
    if (refusal.hasSubscribers) refusal.publish({ code: found.code, token: found.details.token, claim: found.details.claim })
    // The response does not contain the reason.
    refusalLog.write(request.log, found)
    return found instanceof InsufficientScope ? insufficientScope() : authenticationFailed()
  }

  function authenticateSubjectAndApp (request: AuthenticatedRequest): Promise<Caller>
  function authenticateSubjectAndApp (request: AuthenticatedRequest, reply: unknown, done: (error?: Error) => void): void
  function authenticateSubjectAndApp (
    request: AuthenticatedRequest, _reply?: unknown, done?: (error?: Error) => void
  ): Promise<Caller> | undefined {
    const outcome = outcomeOf(request)
    if (done === undefined) return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
    if (outcome instanceof Promise) outcome.then(() => done(), done)
    else done(outcome instanceof Error ? outcome : undefined)
  }
  hooks.add(authenticateSubjectAndApp)
  return authenticateSubjectAndApp
}
