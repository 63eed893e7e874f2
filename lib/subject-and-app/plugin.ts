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

/** The result of {@link createAuthentication}. */
export interface Authentication {
  /** For routes of the scope that it was created in, and of nested scopes. */
  readonly hook: AuthenticationHook
  /** Whether there are signing keys to verify tokens with. */
  readonly isReady: () => boolean
}

/**
 * Creates an authentication hook with its own signing keys and cache of accepted tokens. The keys are fetched when the server
 * starts to listen, or at the first request, and refreshed until it closes.
 *
 * @throws TypeError for invalid options.
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
  // A server that does not listen, as in most tests, fetches the keys at the first request.
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
 * SubjectAndApp authentication as a plugin, for any route that Fabric calls. It decorates the scope that it is registered
 * in with `app.authenticateSubjectAndApp`, an onRequest hook, and `app.subjectAndAppReady()`, and its requests with
 * `request.fabricCaller`.
 *
 * The response to a request without valid tokens is 401, without the required scope 403, and 503 as long as no signing keys
 * could be retrieved. Each of them is a `WorkloadError` that goes to the scope's error handler.
 *
 * @throws TypeError at registration, for invalid options.
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
  // Every log line of a request, also those of Fastify, has Fabric's IDs.
  const { childLoggerFactory } = app
  app.setChildLoggerFactory((logger, bindings, options, rawRequest) =>
    childLoggerFactory.call(app, logger, withCorrelationIds(bindings, rawRequest.headers), options, rawRequest))
}, { fastify: '5.x', name: 'fastify-fabric-subject-and-app' })

/** Removes the options that Fastify and its loaders add, with a warning, unless their name is similar to one of this plugin. */
function knownOptions (app: FastifyInstance, given: AuthenticationOptions): AuthenticationOptions {
  const { prefix, logLevel, logSerializers, ...options }: AuthenticationOptions & RegisterOptions = ownCopy(given)
  const isForeign = (name: string) => similarNames(name, AUTHENTICATION_OPTIONS).length === 0
  const foreign = unknownNames(options, AUTHENTICATION_OPTIONS).filter(isForeign)
  if (foreign.length > 0) app.log.warn(`Options that subjectAndApp does not have are ignored: ${foreign.join(', ')}`)
  for (const name of foreign) Reflect.deleteProperty(options, name)
  return options
}
