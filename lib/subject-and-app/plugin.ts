import type { FastifyInstance, FastifyPluginAsync, RegisterOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

import { withCorrelationIds } from '../log/correlation-ids.js'
import { similarNames, unknownNames } from '../option-names.js'
import { ownCopy } from '../own-properties.js'
import { AcceptedTokens } from './accepted-tokens.js'
import { Authenticator } from './authenticate.js'
import type { Caller } from './caller.js'
import { buildAuthenticationHook } from './hook.js'
import type { AuthenticationHook } from './hook.js'
import { AUTHENTICATION_OPTIONS, checkAuthenticationOptions } from './options.js'
import type { AuthenticationOptions, InternalAuthenticationOptions } from './options.js'
import { RefusalLog } from './refusal-log.js'
import { SigningKeys, clock, jwksFetch } from './signing-keys.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The `onRequest` hook of `subjectAndApp`: rejects every request without valid tokens. */
    authenticateSubjectAndApp: AuthenticationHook
    /** Whether `subjectAndApp` has signing keys to verify tokens with; for a readiness probe. Costs nothing. */
    subjectAndAppReady: () => boolean
  }
  interface FastifyRequest {
    /** The caller, once the request is authenticated. */
    fabricCaller: Caller | undefined
  }
}

/** What {@link createAuthentication} makes. */
export interface Authentication {
  /** For routes of the scope that it was made in and the scopes in it. */
  readonly hook: AuthenticationHook
  /** Whether there are signing keys to verify tokens with. */
  readonly isReady: () => boolean
}

/**
 * Makes an authentication hook with its own signing keys and accepted tokens, fetched from when the
 * server listens, or from the first request, until it closes.
 *
 * @throws TypeError for options that do not add up.
 */
export function createAuthentication (app: FastifyInstance, options: AuthenticationOptions): Authentication {
  const checked = checkAuthenticationOptions(options)
  const { [jwksFetch]: fetch, [clock]: now = Date.now }: InternalAuthenticationOptions = options

  const signingKeys = new SigningKeys({
    jwksUri: checked.jwksUri,
    authority: checked.authority,
    log: app.log,
    fetch,
    now,
    onRemoved: () => acceptedTokens.prune(now())
  })
  const acceptedTokens = new AcceptedTokens(checked.tokenCacheSize, signingKeys)

  if (!app.hasRequestDecorator('fabricCaller')) app.decorateRequest('fabricCaller')
  // A server that does not listen, as in most tests, fetches the keys when a request needs them.
  app.addHook('onListen', (done) => {
    signingKeys.start()
    done()
  })
  app.addHook('onClose', (_, done) => {
    signingKeys.close()
    done()
  })
  const authenticator = new Authenticator({ options: checked, signingKeys, acceptedTokens, now })
  return { hook: buildAuthenticationHook(authenticator, new RefusalLog(now)), isReady: () => signingKeys.isReady() }
}

/**
 * SubjectAndApp authentication as a plugin, for any route that Fabric calls: decorates the scope that it is registered
 * in with `app.authenticateSubjectAndApp`, an onRequest hook, and `app.subjectAndAppReady()`, and its requests with
 * `request.fabricCaller`.
 *
 * A request without valid tokens is answered 401, one whose user has not given the scope 403, and 503 as long as no
 * signing keys could be retrieved; each as a `WorkloadError` that goes to the scope's error handler.
 *
 * @throws TypeError at registration, for options that do not add up.
 * @example
 * await app.register(subjectAndApp, { publisherTenantId, audience, clientId })
 * app.get('/workspaces/:id', { onRequest: app.authenticateSubjectAndApp }, async (request) => request.fabricCaller?.tenantId)
 */
export const subjectAndApp: FastifyPluginAsync<AuthenticationOptions> = fastifyPlugin(async (
  app: FastifyInstance, given: AuthenticationOptions
) => {
  const { hook, isReady } = createAuthentication(app, knownOptions(app, given))
  app.decorate('authenticateSubjectAndApp', hook)
  app.decorate('subjectAndAppReady', isReady)
  // Each line about a request, Fastify's own included, has Fabric's ids.
  const { childLoggerFactory } = app
  app.setChildLoggerFactory((logger, bindings, options, rawRequest) =>
    childLoggerFactory.call(app, logger, withCorrelationIds(bindings, rawRequest.headers), options, rawRequest))
}, { fastify: '5.x', name: 'fastify-fabric-subject-and-app' })

/** The options without what Fastify and its loaders add, which is ignored with a warning unless it seems to be meant for this. */
function knownOptions (app: FastifyInstance, given: AuthenticationOptions): AuthenticationOptions {
  const { prefix, logLevel, logSerializers, ...options }: AuthenticationOptions & RegisterOptions = ownCopy(given)
  const isForeign = (name: string) => similarNames(name, AUTHENTICATION_OPTIONS).length === 0
  const foreign = unknownNames(options, AUTHENTICATION_OPTIONS).filter(isForeign)
  if (foreign.length > 0) app.log.warn(`Options that subjectAndApp does not have are ignored: ${foreign.join(', ')}`)
  for (const name of foreign) Reflect.deleteProperty(options, name)
  return options
}
