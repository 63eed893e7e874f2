import type { ServerResponse } from 'node:http'

import Fastify from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState from '../lib/index.js'
import type { InternalAuthenticationOptions } from '../lib/subject-and-app/options.js'
import { clock, jwksFetch } from '../lib/subject-and-app/signing-keys.js'
import { createFabric, type Fabric, type PollOptions } from '../lib/testing/index.js'
import { contractProblems } from './helpers/poll.js'

// The whole way, from a real key endpoint to the answer of a poll. The test tells the time.

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
  'answers with a set of nothing': json({ keys: [{}, null, 1] }),
  'answers with 10 MB, good keys among them': json({ ...jwks, filler: 'x'.repeat(1e7) })
}

/** A workload whose keys come from an endpoint that answers as it is told to. */
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

/** Tokens for days: what ends here are the keys. */
async function longLived (fabric: Fabric): Promise<{ appToken: string, subjectToken: string }> {
  const claims = { exp: Math.floor(Date.now() / SECOND) + 7 * 24 * 3600 }
  return { appToken: await fabric.appToken({ claims }), subjectToken: await fabric.subjectToken({ claims }) }
}

for (const [fault, bad] of Object.entries(faults)) {
  t.test(`a key endpoint that ${fault} is no outage of the workload, but for one at the start or of a day`, async (t) => {
    const { state, poll } = await workload(t, fabric, bad)
    const tokens = await longLived(fabric)

    const unavailable = await poll(tokens)
    t.equal(unavailable.statusCode, 503, 'at the start')
    t.match(unavailable.json(), { errorCode: 'SigningKeysUnavailable', source: 'External', isPermanent: false })
    t.same(contractProblems('ErrorResponse', unavailable.json()), [])
    t.ok(Number(unavailable.headers['retry-after']) >= 1)
    t.equal(state.calls, 0)

    state.answer = good
    state.now += 5 * SECOND
    t.equal((await poll(tokens)).statusCode, 200, 'when it has recovered')

    state.answer = bad
    state.now += 23 * HOUR
    t.equal((await poll({ appToken: { header: { kid: 'unknown' } } })).statusCode, 401, 'it is asked for an unknown key')
    t.equal((await poll(tokens)).statusCode, 200, 'a day after, to tokens that were accepted before')
    t.equal((await poll(await longLived(fabric))).statusCode, 200, 'and to others')

    state.now += 2 * HOUR
    t.equal((await poll(tokens)).statusCode, 503, 'when the keys are older than a day')
    t.equal((await poll(await longLived(fabric))).statusCode, 503)
    t.equal(state.calls, 3)

    state.answer = good
    state.now += 5 * SECOND
    t.equal((await poll(tokens)).statusCode, 200, 'and when it has recovered again')
  })
}

t.test('while the key endpoint hangs, it keeps nobody waiting who has a known key', async (t) => {
  const { state, poll } = await workload(t, fabric, good)
  const tokens = await longLived(fabric)
  t.equal((await poll(tokens)).statusCode, 200)

  const hanging = new Promise<ServerResponse>((resolve) => { state.answer = resolve })
  state.now += 30 * SECOND
  const unknown = [1, 2, 3].map(() => poll({ appToken: { header: { kid: 'unknown' } } }))
  const response = await hanging
  t.equal((await poll(tokens)).statusCode, 200, 'with tokens that were accepted before')
  t.equal((await poll(await longLived(fabric))).statusCode, 200, 'or with others')
  good(response)
  t.same((await Promise.all(unknown)).map(({ statusCode }) => statusCode), [401, 401, 401])
  t.equal(state.fetches, 2)
})

t.test('rotation: the first token of a new key is accepted, those of the old one until it is withdrawn', async (t) => {
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
  t.equal((await poll({ appToken: { header: { kid: 'unknown' } } })).statusCode, 401, 'which makes it look')
  t.equal((await poll(old)).statusCode, 401)
  t.equal((await poll(young)).statusCode, 200)
  t.equal(state.fetches, 3)
})

t.test('whatever callers send, the endpoint is asked once in a cool-down', async (t) => {
  const { state, poll } = await workload(t, fabric, good)
  const tokens = await longLived(fabric)
  for (let i = 0; i < 100; i++) {
    t.equal((await poll({ ...tokens, subjectToken: { header: { kid: `unknown-${i}` } } })).statusCode, 401)
    t.equal((await poll(tokens)).statusCode, 200)
  }
  t.equal(state.fetches, 1, 'within the first half minute')
  state.now += 30 * SECOND
  await Promise.all(Array.from({ length: 100 }, (_, i) => poll({ appToken: { header: { kid: `unknown-${i}` } } })))
  t.equal(state.fetches, 2, 'once more after it')
})
