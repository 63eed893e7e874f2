import type { FastifyBaseLogger } from 'fastify'

import { callersError, WorkloadError } from '../workload-error.js'
import type { Authenticator } from './authenticate.js'
import type { Caller } from './caller.js'
import { InsufficientScope, Refusal } from './refusal.js'
import { SigningKeysUnavailable } from './signing-keys.js'

/**
 * An onRequest hook that lets nobody pass but Fabric and leaves in `request.fabricCaller` who is behind the call.
 * It asks of request and reply what those of any server have, HTTP/2 and any type provider included.
 */
export type AuthenticationHook = (request: HookRequest, reply: HookReply, done: (error?: Error) => void) => void

/** What the hook reads and writes of Fastify's request. */
export interface HookRequest {
  readonly raw: { readonly rawHeaders: readonly string[] }
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  fabricCaller: Caller | undefined
}

/** What the hook writes of Fastify's reply. */
export interface HookReply {
  header (name: string, value: string): unknown
}

/**
 * Builds the hook: what the {@link Authenticator} finds becomes either a caller or the one error that `done` gets.
 * It is a plain function, so that a request whose tokens are known goes on without waiting for a promise.
 */
export function buildAuthenticationHook (authenticator: Pick<Authenticator, 'authenticate'>): AuthenticationHook {
  return function authenticateSubjectAndApp (request, reply, done) {
    const outcome = authenticator.authenticate(request.raw.rawHeaders)
    if (outcome instanceof Promise) {
      outcome.then((outcome) => conclude(outcome, request, reply, done), (error) => fail(error, request, reply, done))
    } else {
      conclude(outcome, request, reply, done)
    }
  }
}

function conclude (outcome: Caller | Refusal, request: HookRequest, reply: HookReply, done: (error?: Error) => void): void {
  if (outcome instanceof Refusal) {
    // All that anybody gets to know of the reason is in this line.
    request.log.info({ reason: outcome.reason, ...outcome.details }, 'SubjectAndApp authentication refused')
    return done(outcome instanceof InsufficientScope ? insufficientScope() : authenticationFailed(reply))
  }
  request.fabricCaller = outcome
  done()
}

function fail (error: Error, request: HookRequest, reply: HookReply, done: (error?: Error) => void): void {
  if (!(error instanceof SigningKeysUnavailable)) return done(error)
  request.log.warn({ err: error }, 'SubjectAndApp authentication unavailable')
  reply.header('Retry-After', String(error.retryAfter))
  done(signingKeysUnavailable(error))
}

/** One and the same for every reason. */
function authenticationFailed (reply: HookReply): WorkloadError {
  reply.header('WWW-Authenticate', 'SubjectAndAppToken1.0')
  return callersError({
    statusCode: 401,
    errorCode: 'AuthenticationFailed',
    message: 'The request could not be authenticated.',
    source: 'External',
    isPermanent: false
  })
}

function insufficientScope (): WorkloadError {
  return callersError({
    statusCode: 403,
    errorCode: 'InsufficientScope',
    message: 'The subject token does not have the required scope.',
    source: 'External',
    isPermanent: true
  })
}

function signingKeysUnavailable (cause: SigningKeysUnavailable): WorkloadError {
  return new WorkloadError({
    statusCode: 503,
    errorCode: 'SigningKeysUnavailable',
    message: 'The request could not be authenticated for the moment. Try again later.',
    source: 'External',
    isPermanent: false,
    cause
  })
}
