import type { FastifyInstance, FastifyPluginAsync, RegisterOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

import { AcceptedTokens } from './accepted-tokens.js'
import { Authenticator } from './authenticate.js'
import type { Caller } from './caller.js'
import { buildAuthenticationHook } from './hook.js'
import type { AuthenticationHook } from './hook.js'
import { checkAuthenticationOptions } from './options.js'
import type { AuthenticationOptions, InternalAuthenticationOptions } from './options.js'
import { SigningKeys, clock, jwksFetch } from './signing-keys.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The onRequest hook of `subjectAndApp`: nobody but Fabric gets past it. */
    authenticateSubjectAndApp: AuthenticationHook
  }
  interface FastifyRequest {
    /** Who is behind the request, once SubjectAndApp authentication has let it pass. */
    fabricCaller: Caller | undefined
  }
}

/**
 * Makes an authentication hook with its own signing keys and accepted tokens, which begin when the app is ready and
 * end when it closes. The hook is for routes of this scope and the scopes in it.
 *
 * @throws TypeError for options that do not add up.
 */
export function createAuthenticationHook (app: FastifyInstance, options: AuthenticationOptions): AuthenticationHook {
  const checked = checkAuthenticationOptions(options)
  const { [jwksFetch]: fetch, [clock]: now = Date.now }: InternalAuthenticationOptions = options

  const signingKeys = new SigningKeys({
    jwksUri: checked.jwksUri,
    log: app.log,
    fetch,
    now,
    onRemoved: () => acceptedTokens.prune(now())
  })
  const acceptedTokens = new AcceptedTokens(checked.tokenCacheSize, signingKeys)

  if (!app.hasRequestDecorator('fabricCaller')) app.decorateRequest('fabricCaller')
  app.addHook('onReady', (done) => {
    signingKeys.start()
    done()
  })
  app.addHook('onClose', (_, done) => {
    signingKeys.close()
    done()
  })
  return buildAuthenticationHook(new Authenticator({ options: checked, signingKeys, acceptedTokens, now }))
}

/**
 * SubjectAndApp authentication as a plugin, for any route that Fabric calls: decorates the scope that it is registered
 * in with `app.authenticateSubjectAndApp`, an onRequest hook, and its requests with `request.fabricCaller`.
 *
 * A request without valid tokens is answered 401, one whose user has not given the scope 403, and 503 as long as no
 * signing keys could be had; each as a `WorkloadError` that goes to the scope's error handler.
 *
 * @throws TypeError at registration, for options that do not add up.
 * @example
 * await app.register(subjectAndApp, { publisherTenantId, audience, clientId })
 * app.get('/workspaces/:id', { onRequest: app.authenticateSubjectAndApp }, async (request) => request.fabricCaller?.tenantId)
 */
export const subjectAndApp: FastifyPluginAsync<AuthenticationOptions> = fastifyPlugin(async (
  app: FastifyInstance,
  // The first three are Fastify's own, and loaders of plugins add them to any.
  { prefix, logLevel, logSerializers, ...options }: AuthenticationOptions & RegisterOptions
) => {
  app.decorate('authenticateSubjectAndApp', createAuthenticationHook(app, options))
}, { fastify: '5.x', name: 'fastify-fabric-subject-and-app' })
