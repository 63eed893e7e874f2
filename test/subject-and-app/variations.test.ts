import Fastify from 'fastify'
import type { JSONWebKeySet } from 'jose'
import t, { type Test } from 'tap'

import type { InternalAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { subjectAndApp } from '../../lib/subject-and-app/plugin.js'
import { jwksFetch } from '../../lib/subject-and-app/signing-keys.js'
import { createFabric, type HeadersOptions } from '../../lib/testing/index.js'

// Calls of Fabric with variations that the specifications allow.

const fabric = createFabric()
const { audience, clientId } = fabric.registration
const seconds = Math.floor(Date.now() / 1000)

interface Variation {
  call?: HeadersOptions
  options?: Partial<InternalAuthenticationOptions>
  keys?: (usual: JSONWebKeySet) => unknown
}

/** The default keys, each with these changes. */
const changed = (changes: object) => ({ keys }: JSONWebKeySet) => ({ keys: keys.map((key) => ({ ...key, ...changes })) })
const withHeader = (header: Record<string, unknown>): HeadersOptions => ({ appToken: { header }, subjectToken: { header } })
const withClaims = (claims: Record<string, unknown>): HeadersOptions => ({ appToken: { claims }, subjectToken: { claims } })

const variations: Record<string, Variation> = {
  'typ is at+jwt': { call: withHeader({ typ: 'at+jwt' }) },
  'typ is application/at+jwt': { call: withHeader({ typ: 'application/at+jwt' }) },
  'typ is in upper case': { call: withHeader({ typ: 'APPLICATION/AT+JWT' }) },
  'typ is absent': { call: withHeader({ typ: undefined }) },
  'nbf and exp have fractions': { call: withClaims({ nbf: seconds - 300.5, exp: seconds + 300.25 }) },
  'a v1.0 token has the client id as its audience': { call: withClaims({ aud: clientId }), options: { audience: [audience, clientId] } },
  'the issuer of a key is null': { keys: changed({ issuer: null }) },
  'the issuer of a key is empty': { keys: changed({ issuer: '' }) },
  'the issuer of a key is absent': { keys: changed({ issuer: undefined }) },
  'keys have alg, use and key_ops': { keys: changed({ alg: 'RS256', use: 'sig', key_ops: ['verify'] }) },
  'keys have neither alg nor use': { keys: changed({ use: undefined }) },
  'members of the key set are not objects': { keys: ({ keys }) => ({ keys: [null, 'key', 1, [], ...keys] }) },
  'members of the key set are other keys': {
    keys: ({ keys }) => ({ keys: [{ kty: 'oct', k: 'AAAA' }, { kty: 'EC', crv: 'P-256', x: 1 }, {}, { kty: 'future' }, ...keys] })
  }
}

/** A server that accepts headers of this many bytes. */
async function serve (t: Test, { options, keys = (usual: JSONWebKeySet) => usual }: Variation, maxHeaderSize = 16_384) {
  const app = Fastify({ http: { maxHeaderSize } })
  t.teardown(() => app.close())
  const answer = keys(await fabric.jwks())
  const authentication: InternalAuthenticationOptions = { ...fabric.authentication, [jwksFetch]: async () => Response.json(answer), ...options }
  await app.register(subjectAndApp, authentication)
  app.get('/', { onRequest: app.authenticateSubjectAndApp }, async ({ fabricCaller }) => fabricCaller?.tenantId)
  return app
}

for (const [name, variation] of Object.entries(variations)) {
  t.test(`a call of Fabric is accepted when ${name}`, async (t) => {
    const app = await serve(t, variation)
    const { statusCode } = await app.inject({ url: '/', headers: await fabric.headers(variation.call) })
    t.equal(statusCode, 200)
  })
}

t.test('long tokens of a user with many groups are accepted with a larger maxHeaderSize; otherwise Node answers 431', async (t) => {
  const groups = Array.from({ length: 400 }, () => crypto.randomUUID())
  const headers = await fabric.headers({ subjectToken: { claims: { groups } } })
  t.ok(headers.authorization.length > 20_000)
  for (const [maxHeaderSize, status] of [[65_536, 200], [undefined, 431]] as const) {
    const app = await serve(t, {}, maxHeaderSize)
    const response = await fetch(await app.listen({ host: '127.0.0.1', port: 0 }), { headers })
    await response.text()
    t.equal(response.status, status)
  }
})
