import type { ServerResponse } from 'node:http'

import Fastify from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState from '../lib/index.js'
import type { InternalAuthenticationOptions } from '../lib/subject-and-app/options.js'
import { clock, jwksFetch } from '../lib/subject-and-app/signing-keys.js'
import { createFabric, type Fabric, type PollOptions } from '../lib/testing/index.js'
import { contractProblems } from './helpers/poll.js'

// From a real key endpoint to the response of a poll, with a clock that the test sets.

const SECOND = 1000
const HOUR = 3600 * SECOND

type Answer = (response: ServerResponse) => void

const json: (body: unknown) => Answer = (body) => (response) => response.end(JSON.stringify(body))

const fabric = createFabric()
const jwks = await fabric.jwks()
const good = json(jwks)

const faults: Record<string, Answer> = {
  'breaks the connection': (response) => response.destroy(),
  'answers 500': (response) => response.writeHead(500).end('{"keys":[]}'),
  'answers 404': (response) => response.writeHead(404).end(),
  redirects: (response) => response.writeHead(302, { location: 'https://contoso.example/keys' }).end(),
  'answers in HTML': (response) => response.end('<html>Sign in</html>'),
  'answers with half a set': (response) => response.end('{"keys":[{"kty":"RSA","n":"'),
  'answers null': json(null),
  'answers with an empty set': json({ keys: [] }),
  'answers with a set of invalid members': json({ keys: [{}, null, 1] }),
  'answers with 10 MB that contain valid keys': json({ ...jwks, filler: 'x'.repeat(1e7) })
}

/** A workload whose keys come from an endpoint with a configurable response. */
async function workload (t: Test, fabric: Fabric, answer: Answer) {
  const state = { answer, now: Date.now(), calls: 0, fetches: 0 }
  const endpoint = Fastify({ forceCloseConnections: true })
  endpoint.get('/keys', (_request, reply) => {
    state.fetches++
    reply.hijack()
    state.answer(reply.raw)
  })
  t.teardown(() => endpoint.close())
  const jwksUri = `${await endpoint.listen({ host: '127.0.0.1', port: 0 })}/keys`

  const { [jwksFetch]: inProcess, ...options } = fabric.authentication
  const authentication: InternalAuthenticationOptions = { ...options, jwksUri, [clock]: () => state.now }
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fabricJobState, {
    resolveJobState: () => {
      state.calls++
      return { status: 'InProgress' }
    },
    authentication
  })
  const poll = async (options: PollOptions) => app.inject(await fabric.poll(options))
  return { state, poll }
}

/** Tokens that are valid for days, so that only the keys expire. */
async function longLived (fabric: Fabric): Promise<{ appToken: string, subjectToken: string }> {
  const claims = { exp: Math.floor(Date.now() / SECOND) + 7 * 24 * 3600 }
  return { appToken: await fabric.appToken({ claims }), subjectToken: await fabric.subjectToken({ claims }) }
}

for (const [fault, bad] of Object.entries(faults)) {
  t.test(`a key endpoint that ${fault} causes 503 only at the start and after 24 hours`, async (t) => {
    const { state, poll } = await workload(t, fabric, bad)
    const tokens = await longLived(fabric)

    const unavailable = await poll(tokens)
    t.equal(unavailable.statusCode, 503, '503 at the start')
    t.match(unavailable.json(), { errorCode: 'SigningKeysUnavailable', source: 'External', isPermanent: false })
    t.same(contractProblems('ErrorResponse', unavailable.json()), [])
    t.ok(Number(unavailable.headers['retry-after']) >= 1)
    t.equal(state.calls, 0)

    state.answer = good
    state.now += 5 * SECOND
    t.equal((await poll(tokens)).statusCode, 200, '200 when the endpoint has recovered')

    state.answer = bad
    state.now += 23 * HOUR
    t.equal((await poll({ appToken: { header: { kid: 'unknown' } } })).statusCode, 401, 'an unknown key causes a fetch')
    t.equal((await poll(tokens)).statusCode, 200, '200 with cached tokens during the outage')
    t.equal((await poll(await longLived(fabric))).statusCode, 200, '200 with new tokens during the outage')

    state.now += 2 * HOUR
    t.equal((await poll(tokens)).statusCode, 503, '503 when the keys are older than a day')
    t.equal((await poll(await longLived(fabric))).statusCode, 503)
    t.equal(state.calls, 3)

    state.answer = good
    state.now += 5 * SECOND
    t.equal((await poll(tokens)).statusCode, 200, '200 when the endpoint has recovered again')
  })
}

t.test('while the key endpoint hangs, requests with a known key do not wait', async (t) => {
  const { state, poll } = await workload(t, fabric, good)
  const tokens = await longLived(fabric)
  t.equal((await poll(tokens)).statusCode, 200)

  const hanging = new Promise<ServerResponse>((resolve) => { state.answer = resolve })
  state.now += 30 * SECOND
  const unknown = [1, 2, 3].map(() => poll({ appToken: { header: { kid: 'unknown' } } }))
  const response = await hanging
  t.equal((await poll(tokens)).statusCode, 200, '200 with cached tokens')
  t.equal((await poll(await longLived(fabric))).statusCode, 200, '200 with new tokens')
  good(response)
  t.same((await Promise.all(unknown)).map(({ statusCode }) => statusCode), [401, 401, 401])
  t.equal(state.fetches, 2)
})

t.test('after a key rotation the first token of the new key is accepted, and tokens of the old key until it is withdrawn', async (t) => {
  const fabric = createFabric()
  const { state, poll } = await workload(t, fabric, json(await fabric.jwks()))
  const old = await longLived(fabric)
  t.equal((await poll(old)).statusCode, 200)

  await fabric.rotateKeys()
  state.answer = json(await fabric.jwks())
  const young = await longLived(fabric)
  state.now += 30 * SECOND
  t.equal((await poll(young)).statusCode, 200)
  t.equal((await poll(old)).statusCode, 200)

  fabric.retireKeys()
  state.answer = json(await fabric.jwks())
  state.now += 30 * SECOND
  t.equal((await poll({ appToken: { header: { kid: 'unknown' } } })).statusCode, 401, 'an unknown key causes a fetch')
  t.equal((await poll(old)).statusCode, 401)
  t.equal((await poll(young)).statusCode, 200)
  t.equal(state.fetches, 3)
})

t.test('tokens with unknown keys cause at most one fetch during the cool-down', async (t) => {
  const { state, poll } = await workload(t, fabric, good)
  const tokens = await longLived(fabric)
  for (let i = 0; i < 100; i++) {
    t.equal((await poll({ ...tokens, subjectToken: { header: { kid: `unknown-${i}` } } })).statusCode, 401)
    t.equal((await poll(tokens)).statusCode, 200)
  }
  t.equal(state.fetches, 1, 'one fetch in the first half minute')
  state.now += 30 * SECOND
  await Promise.all(Array.from({ length: 100 }, (_, i) => poll({ appToken: { header: { kid: `unknown-${i}` } } })))
  t.equal(state.fetches, 2, 'one more fetch after it')
})
