import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'

import Fastify from 'fastify'

import { GetItemJobInstanceState } from '../../../schemas/index.js'
import type { Listen } from '../contenders.js'
import { sampleResolver } from '../sample.js'
import { readTokens } from './handwritten-claims.js'

interface JsonWebKeySet {
  keys: JsonWebKey[]
}

/** The lower bound for new tokens: two RSA signatures and a route without schemas; no claim is checked. */
export const listen: Listen = async (options, { jwksUri }) => {
  const answer = await fetch(jwksUri)
  const { keys: [jwk = {}] }: JsonWebKeySet = JSON.parse(await answer.text())
  const key = createPublicKey({ key: jwk, format: 'jwk' })

  function verifySignature (token: string): void {
    const end = token.lastIndexOf('.')
    const isGood = verify('RSA-SHA256', Buffer.from(token.slice(0, end)), key, Buffer.from(token.slice(end + 1), 'base64url'))
    if (!isGood) throw new Error('Unexpected signature')
  }

  const app = Fastify({ routerOptions: { maxParamLength: 256 } })
  app.addHook('onRequest', (request, _, done) => {
    const { subjectToken, appToken } = readTokens(request.headers)
    verifySignature(appToken)
    verifySignature(subjectToken)
    done()
  })
  app.get(GetItemJobInstanceState.url, sampleResolver(options))
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server
}
