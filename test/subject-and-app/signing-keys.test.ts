import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextLoop } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { exportJWK, generateKeyPair } from 'jose'
import t from 'tap'
import type { Test } from 'tap'

import { issuerV2 } from '../../lib/subject-and-app/claims.js'
import { SigningKeys, SigningKeysUnavailable } from '../../lib/subject-and-app/signing-keys.js'
import { signsFor } from '../../lib/subject-and-app/signing-key.js'
import type { SigningKey } from '../../lib/subject-and-app/signing-key.js'
import type { SigningKeysOptions } from '../../lib/subject-and-app/signing-keys.js'
import { clientTenantId as tid, makeKey, publisherTenantId, today } from './fabric.js'

const SECOND = 1000
const HOUR = 3600 * SECOND
const issuer = issuerV2(tid, { authority: 'https://login.microsoftonline.com' })

const [one, two, three] = await Promise.all([makeKey('one'), makeKey('two'), makeKey('three')])

const keys = (...jwks: object[]): RequestListener => (_, response) => response.end(JSON.stringify({ keys: jwks }))
const hang: RequestListener = () => {}
const redirect = (location: string): RequestListener => (_, response) => response.writeHead(302, { location }).end()

/** A key endpoint on loopback, and signing keys that are fetched from it, with a clock that the test sets. */
async function setUp (t: Test, answer: RequestListener, options: Partial<SigningKeysOptions> = {}) {
  const endpoint = { answer, requests: 0, now: today, warnings: [] as unknown[], server: createServer() }
  endpoint.server.on('request', (request, response) => {
    endpoint.requests++
    endpoint.answer(request, response)
  })
  await listen(endpoint.server, 0)
  const { port } = endpoint.server.address() as AddressInfo
  const signingKeys = new SigningKeys({
    jwksUri: `http://127.0.0.1:${port}/keys`,
    log: { warn: (...line: unknown[]) => endpoint.warnings.push(line) },
    now: () => endpoint.now,
    ...options
  })
  t.teardown(async () => {
    signingKeys.close()
    endpoint.server.closeAllConnections()
    endpoint.server.close()
  })
  const find = async (kid: string, of = issuer, tenant = tid) => (await signingKeys.find(kid)).find((key) => signsFor(key, of, tenant))
  return { endpoint, signingKeys, find, port }
}

async function listen (server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

t.test('the key set is fetched once, on first use, for all simultaneous requests', async (t) => {
  const { endpoint, find } = await setUp(t, keys(one.jwk, two.jwk))
  const found = await Promise.all([find('one'), find('two'), find('one')])
  t.same(found.map((key) => key?.kid), ['one', 'two', 'one'])
  t.equal(found[0], found[2])
  await find('two')
  t.equal(endpoint.requests, 1)
})

const failures: Record<string, RequestListener> = {
  'the connection is closed': (request) => request.socket.destroy(),
  'the response is incomplete': (request, response) => {
    response.writeHead(200, { 'content-length': 1000 }).write('{"keys":[')
    setImmediate(() => request.socket.destroy())
  },
  'the endpoint hangs': hang,
  'the endpoint hangs after the headers': (_, response) => { response.writeHead(200).write('{"keys":[') },
  'the endpoint answers 500': (_, response) => response.writeHead(500).end('{"keys":[]}'),
  'the endpoint answers 500 with an endless body': (_, response) => { response.writeHead(500).write('…') },
  'the endpoint answers 204': (_, response) => response.writeHead(204).end(),
  'the endpoint answers with HTML': (_, response) => response.end('<html>'),
  'the endpoint answers with JSON that is not a JWK set': (_, response) => response.end('{"keys":{}}'),
  'the endpoint redirects': (request, response) => request.url === '/keys' ? response.writeHead(302, { location: '/moved' }).end() : keys(one.jwk, two.jwk)(request, response),
  'the set is empty': keys(),
  'the set has no usable key': keys({ ...two.jwk, use: 'enc' }),
  'the endpoint answers with 10 MB': (request, response) => keys(one.jwk, two.jwk, { kid: 'x'.repeat(10_000_000) })(request, response),
  'the endpoint answers without end': (_, response) => {
    const more = () => { while (!response.destroyed && response.write('x'.repeat(65_536))); }
    response.on('drain', more)
    more()
  }
}

for (const [name, failure] of Object.entries(failures)) {
  t.test(`no keys are available while ${name} at the start, and the first valid response is enough`, async (t) => {
    const { endpoint, find } = await setUp(t, failure, { timing: { timeout: 1000 } })
    await t.rejects(find('one'), { name: 'SigningKeysUnavailable', retryAfter: 5, cause: { message: /./ } })
    await t.rejects(find('one'), SigningKeysUnavailable)
    t.equal(endpoint.requests, 1)
    t.match(endpoint.warnings, [[{ err: { message: /./ }, jwksUri: /^http:/ }, /signing keys could not be retrieved/]])
    endpoint.answer = keys(one.jwk)
    endpoint.now += 5 * SECOND
    t.match(await find('one'), { kid: 'one' })
  })

  t.test(`the last good key set stays in use while ${name}`, async (t) => {
    const { endpoint, signingKeys, find } = await setUp(t, keys(one.jwk), { timing: { timeout: 1000 } })
    const key = await find('one')
    endpoint.answer = failure
    await signingKeys.refresh()
    t.equal(endpoint.requests, 2)
    t.equal(endpoint.warnings.length, 1)
    t.equal(await find('one'), key)
    t.equal(await find('two'), undefined)
  })
}

t.test('a request waits for a slow key endpoint', async (t) => {
  const { find } = await setUp(t, (request, response) => { setTimeout(() => keys(one.jwk)(request, response), 50) })
  t.match(await find('one'), { kid: 'one' })
})

t.test('the keys are fetched in the background after the endpoint was down at the start', async (t) => {
  const { endpoint, signingKeys, find, port } = await setUp(t, keys(one.jwk), { timing: { coolDownWithoutKeys: 20 }, now: Date.now })
  endpoint.server.close()
  signingKeys.start()
  await t.rejects(find('one'), SigningKeysUnavailable)
  await listen(endpoint.server, port)
  await once(endpoint.server, 'request')
  // The timer caused this fetch; wait for its response.
  await signingKeys.refresh()
  t.match(await find('one'), { kid: 'one' })
})

t.test('the last good key set is used for 23 hours without the endpoint, but not for 25 hours', async (t) => {
  const { endpoint, signingKeys, find } = await setUp(t, keys(one.jwk))
  const key = await find('one')
  if (!key) throw new Error('the key is published')
  endpoint.answer = failures['the endpoint answers 500'] ?? hang
  endpoint.now += 23 * HOUR
  await signingKeys.refresh()
  t.equal(await find('one'), key)
  t.equal(signingKeys.isCurrent(key, endpoint.now), true)
  endpoint.now += 2 * HOUR
  t.equal(signingKeys.isCurrent(key, endpoint.now), false)
  await t.rejects(find('one'), { name: 'SigningKeysUnavailable', retryAfter: 5 })
  endpoint.answer = keys(one.jwk)
  endpoint.now += 5 * SECOND
  t.equal(await find('one'), key, 'the same key is valid again when the endpoint is available')
  t.equal(signingKeys.isCurrent(key, endpoint.now), true)
})

t.test('an unknown kid causes at most one fetch during the cool-down, successful or not', async (t) => {
  const { endpoint, find } = await setUp(t, keys(one.jwk))
  await find('one')
  endpoint.now += 29 * SECOND
  for (let i = 0; i < 1000; i++) t.equal(await find(`unknown ${i}`), undefined)
  t.equal(endpoint.requests, 1)
  for (const answer of [keys(one.jwk), failures['the endpoint answers 500'] ?? hang, failures['the connection is closed'] ?? hang]) {
    const before = endpoint.requests
    endpoint.answer = answer
    endpoint.now += 30 * SECOND
    await Promise.all(Array.from({ length: 1000 }, (_, i) => find(`unknown ${i}`)))
    for (let i = 0; i < 1000; i++) await find(`unknown ${i}`)
    t.equal(endpoint.requests, before + 1)
  }
})

t.test('while the key endpoint hangs there is one fetch, and known keys are returned at once', async (t) => {
  const { endpoint, find } = await setUp(t, keys(one.jwk), { timing: { timeout: 300 } })
  await find('one')
  endpoint.answer = hang
  endpoint.now += 30 * SECOND
  let answered = 0
  const waiting = Array.from({ length: 1000 }, async (_, i) => { await find(`unknown ${i}`); answered++ })
  await once(endpoint.server, 'request')
  for (let i = 0; i < 100; i++) t.match(await find('one'), { kid: 'one' })
  t.equal(answered, 0)
  await Promise.all(waiting)
  await find('unknown')
  t.equal(endpoint.requests, 2)
})

t.test('a fetch ends at its time limit, also when garbage is collected in the meantime', async (t) => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  for (const name of ['the endpoint hangs', 'the endpoint hangs after the headers']) {
    const { endpoint, signingKeys } = await setUp(t, failures[name] ?? hang, { timing: { timeout: 100 } })
    const ended = signingKeys.refresh().then(() => true)
    while (!await Promise.race([ended, nextLoop(false)])) collectGarbage()
    t.match(endpoint.warnings, [[{ err: { message: 'The key endpoint did not answer within 100 ms' } }, /signing keys/]], name)
  }
})

t.test('after a rotation a new key is found by its first token, and the old key until it is withdrawn', async (t) => {
  let removals = 0
  const { endpoint, signingKeys, find } = await setUp(t, keys(one.jwk, two.jwk), { onRemoved: () => { removals++ } })
  const [old, stays] = [await find('one'), await find('two')]
  if (!old || !stays) throw new Error('the keys are published')
  endpoint.answer = keys(three.jwk, { ...two.jwk, x5c: ['another wrapping of the same key'] }, one.jwk)
  endpoint.now += 30 * SECOND
  t.match(await find('three'), { kid: 'three' })
  t.ok(signingKeys.isCurrent(old, endpoint.now))
  t.equal(removals, 0)
  endpoint.answer = keys(two.jwk, three.jwk)
  await signingKeys.refresh()
  t.notOk(signingKeys.isCurrent(old, endpoint.now))
  t.equal(await find('one'), undefined)
  t.equal(await find('two'), stays, 'an unchanged key is the same object')
  t.equal(removals, 1)
})

t.test('a new key under a known kid replaces the old key', async (t) => {
  const { endpoint, signingKeys, find } = await setUp(t, keys(one.jwk))
  const old = await find('one') as SigningKey
  endpoint.answer = keys({ ...two.jwk, kid: 'one' })
  await signingKeys.refresh()
  t.notOk(signingKeys.isCurrent(old, endpoint.now))
  t.not(await find('one'), old)
})

t.test('keys that do not sign RS256 are ignored', async (t) => {
  const [small, elliptic] = await Promise.all([
    crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['verify', 'sign']),
    generateKeyPair('ES256')
  ])
  const privateKey = await generateKeyPair('RS256', { extractable: true })
  const weak = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey.export({ format: 'jwk' })
  const ignored = {
    small: await crypto.subtle.exportKey('jwk', small.publicKey),
    elliptic: await exportJWK(elliptic.publicKey),
    symmetric: { kty: 'oct', k: 'AAAA' },
    private: await exportJWK(privateKey.privateKey),
    encryption: { ...one.jwk, use: 'enc' },
    'another algorithm': { ...one.jwk, alg: 'RS512' },
    PSS: { ...one.jwk, alg: 'PS256' },
    'other operations': { ...one.jwk, key_ops: ['encrypt'] },
    'no modulus': { ...one.jwk, n: undefined },
    'an issuer of another type': { ...one.jwk, issuer: 0 },
    'exponent 1': { ...one.jwk, e: 'AQ' },
    'exponent 1 with a leading zero': { ...one.jwk, e: 'AAE' },
    'exponent 2': { ...one.jwk, e: 'Ag' },
    'exponent 65536': { ...one.jwk, e: 'AQAA' },
    issuers: { ...one.jwk, issuer: [one.jwk.issuer] }
  }
  const { find } = await setUp(t, keys(
    ...Object.entries(ignored).map(([kid, jwk]) => ({ ...jwk, kid })),
    { ...one.jwk, kid: undefined }, { ...one.jwk, kid: '' }, { ...one.jwk, kid: 1 },
    { ...two.jwk, use: undefined }, { ...three.jwk, alg: 'RS256' },
    { ...weak, kid: 'exponent 3' }
  ))
  for (const kid of [...Object.keys(ignored), '', '1', 'undefined']) t.equal(await find(kid), undefined, kid)
  t.match(await find('two'), { kid: 'two' }, 'use may be absent')
  t.match(await find('three'), { kid: 'three' }, 'alg may be RS256')
  t.match(await find('exponent 3'), { kid: 'exponent 3' }, 'the exponent may be 3')
})

t.test('an unusable member of the key set does not affect the others', async (t) => {
  const nested = '['.repeat(200_000) + ']'.repeat(200_000)
  for (const member of ['null', '1', '"key"', 'true', '[]', '[null]', '{}', nested, `{"kty":"RSA","kid":"one","n":${nested}}`,
    '{"kid":"one","kty":"RSA","n":"AQAB","e":"AQAB"}', '{"kid":"one","__proto__":{"kty":"oct"}}']) {
    const { find } = await setUp(t, (_, response) => response.end(`{"keys":[${member},${JSON.stringify(one.jwk)},${member}]}`))
    t.match(await find('one'), { kid: 'one' }, member.slice(0, 60))
  }
})

t.test('isReady is true from the first good key set until it is too old', async (t) => {
  const { endpoint, signingKeys } = await setUp(t, failures['the endpoint answers 500'] ?? hang)
  t.equal(signingKeys.isReady(), false)
  await signingKeys.refresh()
  t.equal(signingKeys.isReady(), false)
  endpoint.answer = keys(one.jwk)
  await signingKeys.refresh()
  t.equal(signingKeys.isReady(), true)
  endpoint.answer = failures['the endpoint answers 500'] ?? hang
  endpoint.now += 23 * HOUR
  await signingKeys.refresh()
  t.equal(signingKeys.isReady(), true)
  t.equal(signingKeys.isReady(endpoint.now + 2 * HOUR), false)
})

t.test('a key set without a key of the authority for all tenants is logged once, with the option to check', async (t) => {
  const cases: Array<[authority: string, issuers: unknown[], warning: object | undefined]> = [
    ['https://login.microsoftonline.com', ['https://login.microsoftonline.com/{tenantid}/v2.0', 'https://a.example/'], undefined],
    ['https://login.microsoftonline.com', [undefined], undefined],
    ['https://login.windows.net', ['https://login.microsoftonline.com/{tenantid}/v2.0'], {
      expected: 'https://login.windows.net/{tenantid}/v2.0', received: 'https://login.microsoftonline.com/{tenantid}/v2.0', option: 'authority'
    }],
    ['https://login.microsoftonline.com', [issuer, issuer], {
      expected: 'https://login.microsoftonline.com/{tenantid}/v2.0', received: issuer, option: 'jwksUri'
    }]
  ]
  for (const [authority, issuers, warning] of cases) {
    const { endpoint, signingKeys } = await setUp(t, keys(...issuers.map((issuer, i) => ({ ...one.jwk, kid: `${i}`, issuer }))), { authority })
    await signingKeys.refresh()
    await signingKeys.refresh()
    t.match(endpoint.warnings, warning === undefined
      ? []
      : [[{ ...warning, jwksUri: /^http:/ }, 'No SubjectAndApp signing key is one of the authority for all tenants: tokens will be refused']])
    t.equal(endpoint.warnings.length, warning === undefined ? 0 : 1)
    endpoint.answer = keys(one.jwk, { ...two.jwk, issuer: `${authority}/{tenantid}/v2.0` })
    await signingKeys.refresh()
    t.equal(endpoint.warnings.length, warning === undefined ? 0 : 1)
  }
})

t.test('the log has the status of the key endpoint, and only the host of a redirect', async (t) => {
  for (const [answer, message] of [
    [failures['the endpoint answers 500'], 'The key endpoint answered 500, not 200'],
    [failures['the endpoint answers 204'], 'The key endpoint answered 204, not 200'],
    [failures['the endpoint answers with HTML'], 'The answer of the key endpoint is not JSON'],
    [failures['the endpoint answers with JSON that is not a JWK set'], 'The answer of the key endpoint is not a JWK set'],
    [failures['the set has no usable key'], 'The JWK set has no key that signs RS256'],
    [redirect('https://login.contoso.example/signin?secret'), 'The key endpoint answered 302 with a redirect to login.contoso.example, not 200'],
    [redirect('/moved?secret'), /^The key endpoint answered 302 with a redirect to 127\.0\.0\.1:\d+, not 200$/],
    [redirect('http://:secret'), 'The key endpoint answered 302 with a redirect, not 200']
  ] as const) {
    const { endpoint, signingKeys } = await setUp(t, answer ?? hang)
    await signingKeys.refresh()
    t.match(endpoint.warnings, [[{ err: { name: 'Error', message }, jwksUri: /^http:/ }, 'SubjectAndApp signing keys could not be retrieved']])
    t.notMatch(JSON.stringify(endpoint.warnings), 'secret')
  }
})

t.test('a key signs for the issuer that it is bound to, or for any issuer if it is not bound', async (t) => {
  const authority = 'https://login.microsoftonline.com'
  const { find } = await setUp(t, keys(
    { ...one.jwk, kid: 'any' },
    { ...one.jwk, kid: 'none', issuer: undefined },
    { ...one.jwk, kid: 'this tenant', issuer },
    { ...one.jwk, kid: 'another tenant', issuer: issuerV2(publisherTenantId, { authority }) },
    { ...one.jwk, kid: 'v1.0', issuer: 'https://sts.windows.net/{tenantid}/' },
    { ...one.jwk, kid: 'another cloud', issuer: 'https://login.microsoftonline.us/{tenantid}/v2.0' },
    { ...one.jwk, kid: 'prefix', issuer: `${issuer}/more` },
    { ...one.jwk, kid: 'empty', issuer: '' },
    { ...one.jwk, kid: 'null', issuer: null },
    { ...one.jwk, kid: 'shared', issuer: issuerV2(publisherTenantId, { authority }) },
    { ...two.jwk, kid: 'shared', issuer }
  ))
  for (const kid of ['any', 'none', 'empty', 'null', 'this tenant']) t.match(await find(kid), { kid })
  for (const kid of ['another tenant', 'v1.0', 'another cloud', 'prefix']) t.equal(await find(kid), undefined, kid)
  t.match(await find('shared'), { issuer }, 'of two keys with one kid, the key for this issuer')
  t.match(await find('shared', issuerV2(publisherTenantId, { authority }), publisherTenantId), {
    issuer: issuerV2(publisherTenantId, { authority })
  })
})

t.test('the key set is refreshed in the background, earlier after a failure', async (t) => {
  const { endpoint, signingKeys } = await setUp(t, keys(one.jwk), { timing: { refreshEvery: 20, retryEvery: 10 } })
  signingKeys.start()
  for (const answer of [keys(one.jwk), failures['the endpoint answers 500'] ?? hang, failures['the endpoint answers 500'] ?? hang, keys(one.jwk), keys(one.jwk)]) {
    endpoint.answer = answer
    await once(endpoint.server, 'request')
  }
  t.ok(endpoint.requests >= 5)
})

t.test('the timer of the next refresh does not keep the process alive', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
  const before = timers()
  const { signingKeys, find } = await setUp(t, keys(one.jwk))
  signingKeys.start()
  await find('one')
  t.equal(timers(), before)
})

t.test('close aborts a fetch and the background refresh, no other fetch begins, and nothing is logged', async (t) => {
  const { endpoint, signingKeys, find } = await setUp(t, hang, { timing: { coolDownWithoutKeys: 1 } })
  signingKeys.start()
  const waiting = find('one')
  const [request] = await once(endpoint.server, 'request')
  signingKeys.close()
  await Promise.all([t.rejects(waiting, SigningKeysUnavailable), once(request.socket, 'close')])
  endpoint.now += SECOND
  await t.rejects(find('one'), SigningKeysUnavailable)
  t.same(endpoint.warnings, [])
  t.equal(endpoint.requests, 1)
})
