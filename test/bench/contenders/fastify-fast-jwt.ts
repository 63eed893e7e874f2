import { createVerifier, type DecodedJwt } from 'fast-jwt'
import Fastify from 'fastify'
import jwksRsa from 'jwks-rsa'

import type { Listen, Registration } from '../contenders.js'
import { addRoute } from './fastify-schemas.js'
import { checkClaims, type Claims, expected, readTokens } from './handwritten-claims.js'

/** A common way with Fastify: fast-jwt verifies and caches both tokens, the route has the contract's schemas. */
export const listen: Listen = async (options, registration) => {
  const verify = tokenVerifier(registration, options.tokenCacheSize)
  const app = Fastify({ routerOptions: { maxParamLength: 256 } })

  app.addHook('onRequest', async (request, reply) => {
    try {
      const { subjectToken, appToken } = readTokens(request.headers)
      const [appClaims, subjectClaims] = await Promise.all([verify(appToken), verify(subjectToken)])
      checkIssuer(appClaims, registration)
      checkIssuer(subjectClaims, registration)
      checkClaims(appClaims, subjectClaims, request.headers, registration)
    } catch {
      return reply.code(401).send({ errorCode: 'AuthenticationFailed', message: 'Unauthorized', source: 'External' })
    }
  })
  addRoute(app, options)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}

function tokenVerifier (registration: Registration, cacheSize: number | undefined): (token: string) => Promise<Claims> {
  const keys = jwksRsa({ jwksUri: registration.jwksUri, cache: true, rateLimit: true })
  return createVerifier({
    key: async ({ header }: DecodedJwt) => (await keys.getSigningKey(header.kid)).getPublicKey(),
    algorithms: ['RS256'],
    allowedAud: registration.audience,
    clockTolerance: 60_000,
    cache: cacheSize ?? true
  })
}

/** Each tenant has its own issuer, so one verifier cannot check it for all. */
function checkIssuer ({ iss, tid }: Claims, registration: Registration): void {
  if (iss !== expected(tid, registration).issuer) throw new Error('Unexpected issuer')
}
