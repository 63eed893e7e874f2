import { once } from 'node:events'

import express from 'express'
import jwt from 'jsonwebtoken'
import jwksRsa from 'jwks-rsa'

import { GetItemJobInstanceState } from '../../../schemas/index.js'
import type { Listen, Registration } from '../contenders.js'
import { sampleResolver } from '../sample.js'
import { checkClaims, type Claims, expected, readTokens } from './handwritten-claims.js'

/** A common way with Express: both tokens are verified in every request, the keys are cached. */
export const listen: Listen = async (options, registration) => {
  const resolve = sampleResolver(options)
  const verify = tokenVerifier(registration)
  const app = express()

  app.use(async (request, response, next) => {
    try {
      const { subjectToken, appToken } = readTokens(request.headers)
      const appClaims = await verify(appToken, registration.publisherTenantId)
      const subjectClaims = await verify(subjectToken, request.get('x-ms-client-tenant-id'))
      checkClaims(appClaims, subjectClaims, request.headers, registration)
    } catch {
      response.status(401).json({ errorCode: 'AuthenticationFailed', message: 'Unauthorized', source: 'External' })
      return
    }
    next()
  })
  app.get(GetItemJobInstanceState.url, async (_, response) => {
    response.json(await resolve())
  })

  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function tokenVerifier (registration: Registration) {
  const keys = jwksRsa({ jwksUri: registration.jwksUri, cache: true, rateLimit: true })

  return async (token: string, tenantId: string | undefined): Promise<Claims> => {
    const kid = jwt.decode(token, { complete: true })?.header.kid
    const key = await keys.getSigningKey(kid)
    const claims = jwt.verify(token, key.getPublicKey(), {
      ...expected(tenantId, registration),
      algorithms: ['RS256'],
      clockTolerance: 60
    })
    if (typeof claims === 'string') throw new Error('Unexpected token format')
    return claims
  }
}
