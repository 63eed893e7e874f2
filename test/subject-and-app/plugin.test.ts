import { once } from 'node:events'
import http from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import timers from 'node:timers/promises'

import Fastify from 'fastify'
import t from 'tap'

import { buildAuthenticationHook } from '../../lib/subject-and-app/hook.js'
import { checkAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { createAuthentication, subjectAndApp } from '../../lib/subject-and-app/plugin.js'
import { clock } from '../../lib/subject-and-app/signing-keys.js'
import { decode, verify } from '../../lib/subject-and-app/verify.js'
import type { UnverifiedToken } from '../../lib/subject-and-app/verify.js'
import { pending } from '../helpers/pending.js'
import {
  anyTenantIssuer, appClaims, authorization, clientId, clientTenantId, headers, makeKey, options, optionsWith, serve, subjectClaims, today
} from './fabric.js'

const key = await makeKey('one')
const keys = () => Response.json({ keys: [key.jwk] })
const [appToken, subjectToken] = await Promise.all([key.sign(appClaims('1.0')), key.sign(subjectClaims('1.0'))])

const refused = {
  statusCode: 401,
  body: {
    statusCode: 401,
    error: 'Unauthorized',
    message: 'The request could not be authenticated.'
  }
}

t.test('the caller has the claims of the tokens, with new and with cached tokens', async (t) => {
  const { app } = serve({ keys })
  t.teardown(() => app.close())
  for (let round = 0; round < 2; round++) {
    const response = await app.inject({ url: '/caller', headers: { ...headers(appToken, subjectToken), 'x-ms-client-tenant-id': clientTenantId.toUpperCase() } })
    t.same(response.json(), {
      // The token is for on-behalf-of calls, and not in a serialization of the caller.
      caller: { tenantId: clientTenantId, app: { claims: appClaims('1.0') }, subject: { claims: subjectClaims('1.0') } },
      subjectToken
    })
    const withoutUser = await app.inject({ url: '/caller', headers: headers(appToken) })
    t.same(withoutUser.json(), { caller: { tenantId: clientTenantId, app: { claims: appClaims('1.0') } } })
  }
})

t.test('a request cannot change the caller of the next request', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(subjectAndApp, optionsWith(keys))
  app.get('/', { onRequest: app.authenticateSubjectAndApp }, async ({ fabricCaller }) => {
    t.equal(fabricCaller?.subject?.token, realSubject)
    const parts = [fabricCaller, fabricCaller?.app, fabricCaller?.app.claims, fabricCaller?.subject, fabricCaller?.subject?.claims]
    // What a part inherits from is shared by all requests.
    return [...parts, ...parts.map(Object.getPrototypeOf)].every(Object.isFrozen)
  })
  const now = Math.floor(Date.now() / 1000)
  const times = { nbf: now, exp: now + 60 }
  const [realApp, realSubject] = await Promise.all([key.sign(appClaims('2.0', times)), key.sign(subjectClaims('2.0', times))])
  t.equal((await app.inject({ url: '/', headers: headers(realApp, realSubject) })).body, 'true')
})

t.test('the response is the same for every problem of the headers, and only the log has the reason', async (t) => {
  const { app, log, passed } = serve({ keys })
  t.teardown(() => app.close())
  const good = headers(appToken, subjectToken)
  const { authorization: pair = '', ...withoutAuthorization } = good
  const { 'x-ms-client-tenant-id': tenant, ...withoutTenant } = good
  const cases: Array<[reason: string, headers: Record<string, unknown>]> = [
    ['the authorization header is missing', withoutAuthorization],
    ['the authorization header is repeated', { ...good, authorization: [pair, pair] }],
    ['the authorization header does not have the form of SubjectAndApp', { ...good, authorization: `Bearer ${appToken}` }],
    ['the x-ms-client-tenant-id header is missing', withoutTenant],
    ['the x-ms-client-tenant-id header is repeated', { ...good, 'x-ms-client-tenant-id': [tenant, tenant] }],
    ['the x-ms-client-tenant-id header is not a UUID', { ...good, 'x-ms-client-tenant-id': `{${clientTenantId}}` }],
    ['the x-ms-client-tenant-id header is not a UUID', { ...good, 'x-ms-client-tenant-id': 'common' }],
    ['the ms-client-tenant-id header is repeated', { ...good, 'ms-client-tenant-id': [tenant, tenant] }],
    ['the ms-client-tenant-id header is not a UUID', { ...good, 'ms-client-tenant-id': 'common' }],
    ['the x-ms-client-tenant-id and ms-client-tenant-id headers differ', { ...good, 'ms-client-tenant-id': clientId }],
    ['the token is not a compact JWS of two JSON objects', { ...good, authorization: authorization(appToken.slice(0, -1), subjectToken) }],
    ['the token is not a compact JWS of two JSON objects', { ...good, authorization: authorization(appToken, 'eyJh.eyJi.c2ln') }]
  ]
  for (const [reason, headers] of cases) {
    const from = log.length
    const response = await app.inject({ url: '/caller', headers: headers as IncomingHttpHeaders })
    t.same({ statusCode: response.statusCode, body: response.json() }, refused, reason)
    t.equal(response.headers['www-authenticate'], 'SubjectAndAppToken1.0')
    t.match(log.slice(from).find(({ msg }) => msg === 'SubjectAndApp authentication refused'), { level: /^[34]0$/, reason, reqId: /./ })
  }
  t.equal(passed(), 0)
  t.notMatch(JSON.stringify(log), 'eyJ')
})

t.test('the tenant may be in ms-client-tenant-id, with the same rules, and two different tenants are refused', async (t) => {
  const { app } = serve({ keys })
  t.teardown(() => app.close())
  const { 'x-ms-client-tenant-id': tenant = '', ...others } = headers(appToken)
  const statusOf = async (tenants: Record<string, string>) =>
    (await app.inject({ url: '/caller', headers: { ...others, ...tenants } })).statusCode
  t.equal(await statusOf({ 'ms-client-tenant-id': tenant }), 200)
  t.equal(await statusOf({ 'ms-client-tenant-id': tenant.toUpperCase(), 'x-ms-client-tenant-id': tenant }), 200)
  t.equal(await statusOf({ 'ms-client-tenant-id': 'common' }), 401)
  t.equal(await statusOf({ 'ms-client-tenant-id': clientId, 'x-ms-client-tenant-id': tenant }), 401)
})

t.test('a header that an adapter passes as a list is refused as repeated', async (t) => {
  const authenticate = (authorization: string | string[]) =>
    ({ headers: { ...headers(appToken), authorization } }) as unknown as IncomingMessage
  const app = Fastify()
  t.teardown(() => app.close())
  const now = Math.floor(Date.now() / 1000)
  const token = await key.sign(appClaims('1.0', { nbf: now, exp: now + 60 }))
  await app.register(subjectAndApp, optionsWith(keys))
  const request = (value: string | string[]) => ({ raw: authenticate(value), log: app.log, fabricCaller: undefined })
  t.match(await app.authenticateSubjectAndApp(request(authorization(token))), { tenantId: clientTenantId })
  await t.rejects(app.authenticateSubjectAndApp(request([authorization(token)])), { message: 'The request could not be authenticated.' })
})

t.test('a request with two Authorization headers is refused, although Node keeps the first', async (t) => {
  const { app, passed } = serve({ keys })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const good = authorization(appToken)
  for (const [first, second, status] of [[good, undefined, 200], [good, good, 401], [good, 'Bearer x', 401], ['Bearer x', good, 401]] as const) {
    const socket = net.connect(port, '127.0.0.1')
    const lines = [first, second].filter((value) => value !== undefined).map((value, i) => `${i ? 'AUTHORIZATION' : 'Authorization'}: ${value}\r\n`)
    socket.write(`GET /caller HTTP/1.1\r\nHost: a\r\nx-ms-client-tenant-id: ${clientTenantId}\r\n${lines.join('')}Connection: close\r\n\r\n`)
    const chunks = await socket.setEncoding('latin1').toArray()
    t.equal(Number(chunks.join('').split(' ')[1]), status)
  }
  t.equal(passed(), 1)
})

t.test('a request with two Authorization headers is refused by a server with joinDuplicateHeaders', async (t) => {
  const app = Fastify({ serverFactory: (handler) => http.createServer({ joinDuplicateHeaders: true }, handler) })
  t.teardown(() => app.close())
  await app.register(subjectAndApp, optionsWith(keys))
  app.get('/caller', { onRequest: app.authenticateSubjectAndApp }, async () => t.fail('refused'))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path: '/caller', agent: false, headers: { ...headers(appToken), authorization: ['x', authorization(appToken)] } as unknown as http.OutgoingHttpHeaders }, resolve).on('error', reject)
  })
  response.resume()
  t.equal(response.statusCode, 401)
})

t.test('requests over HTTP/2 are authenticated by the same rules', async (t) => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  await app.register(subjectAndApp, optionsWith(keys, { [clock]: () => today }))
  app.get('/caller', { onRequest: app.authenticateSubjectAndApp }, async ({ fabricCaller }) => fabricCaller?.tenantId)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const client = http2.connect(`http://127.0.0.1:${port}`)
  const tenants: Array<[tenant: string | string[], status: number]> = [[clientTenantId, 200], [[clientTenantId, clientTenantId], 401]]
  for (const [tenant, status] of tenants) {
    const stream = client.request({ ':path': '/caller', authorization: authorization(appToken, subjectToken), 'x-ms-client-tenant-id': tenant })
    const [response] = await once(stream, 'response')
    stream.resume()
    t.equal(response[':status'], status)
  }
  client.close()
  await once(client, 'close')
})

t.test('a token is accepted only with RS256, a kid of the key set and no other key in its JOSE header', async (t) => {
  const { app, log, passed } = serve({ keys })
  t.teardown(() => app.close())
  const unsigned = (header: object, claims: unknown = appClaims('1.0')) =>
    `${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.${appToken.split('.')[2]}`
  for (const [reason, token] of [
    ['JOSE header: alg is not RS256', unsigned({ alg: 'none', kid: 'one' })],
    ['JOSE header: alg is not RS256', unsigned({ alg: 'HS256', kid: 'one' })],
    ['JOSE header: alg is not RS256', unsigned({ alg: ['RS256'], kid: 'one' })],
    ['JOSE header: alg is not RS256', unsigned({ kid: 'one' })],
    ['JOSE header: kid is missing', unsigned({ alg: 'RS256' })],
    ['JOSE header: kid is missing', unsigned({ alg: 'RS256', kid: '' })],
    ['JOSE header: kid is missing', unsigned({ alg: 'RS256', kid: 1 })],
    ['JOSE header: crit is not supported', unsigned({ alg: 'RS256', kid: 'one', crit: ['b64'], b64: true })],
    ['JOSE header: crit is not supported', unsigned({ alg: 'RS256', kid: 'one', crit: [] })],
    ...await Promise.all(['jwk', 'jku', 'x5c', 'x5u'].map(async (name) =>
      ['JOSE header: the token brings its own key', await key.sign(appClaims('1.0'), { [name]: null })] as const)),
    ['JOSE header: typ is not that of an access token', await key.sign(appClaims('1.0'), { typ: 'pop' })],
    ['JOSE header: typ is not that of an access token', await key.sign(appClaims('1.0'), { typ: ['JWT'] })],
    ['the token is not a compact JWS of two JSON objects', unsigned({ alg: 'RS256', kid: 'one' }, [])],
    ['the token is not a compact JWS of two JSON objects', unsigned({ alg: 'RS256', kid: 'one' }, null)],
    ['no published key has this kid', await key.sign(appClaims('1.0'), { kid: 'two' })],
    ['no published key has this kid', await key.sign(appClaims('1.0'), { kid: ' one' })],
    ['the signature is invalid', unsigned({ alg: 'RS256', kid: 'one' })],
    ['the signature is invalid', await (await makeKey('one')).sign(appClaims('1.0'))]
  ] as const) {
    const from = log.length
    t.equal((await app.inject({ url: '/caller', headers: headers(token) })).statusCode, 401)
    t.match(log.slice(from).find(({ msg }) => msg === 'SubjectAndApp authentication refused'), { reason, token: 'app' })
  }
  t.equal(passed(), 0)
  for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt', 'APPLICATION/AT+JWT']) {
    t.equal((await app.inject({ url: '/caller', headers: headers(await key.sign(appClaims('1.0'), { typ })) })).statusCode, 200)
  }
})

t.test('a token with one changed character is refused, also when the original token is cached', async (t) => {
  const { app, passed } = serve({ keys })
  t.teardown(() => app.close())
  t.equal((await app.inject({ url: '/caller', headers: headers(appToken, subjectToken) })).statusCode, 200)
  for (let i = 3; i < appToken.length; i += 7) {
    const changed = `${appToken.slice(0, i)}${appToken[i] === 'A' ? 'B' : 'A'}${appToken.slice(i + 1)}`
    t.equal((await app.inject({ url: '/caller', headers: headers(changed, subjectToken) })).statusCode, 401, `letter ${i}`)
  }
  t.equal(passed(), 1)
})

t.test('a pair is refused if either of its tokens has an invalid signature', async (t) => {
  const stranger = await makeKey('one')
  const { app, log, passed } = serve({ keys })
  t.teardown(() => app.close())
  t.equal((await app.inject({ url: '/caller', headers: headers(await stranger.sign(appClaims('1.0')), subjectToken) })).statusCode, 401)
  t.equal((await app.inject({ url: '/caller', headers: headers(appToken, await stranger.sign(subjectClaims('1.0'))) })).statusCode, 401)
  t.equal((await app.inject({ url: '/caller', headers: headers(appToken, await key.sign(subjectClaims('1.0', { nbf: today / 1000 + 61 }))) })).statusCode, 401)
  t.match(log.filter(({ msg }) => msg === 'SubjectAndApp authentication refused'), [
    { reason: 'the signature is invalid', token: 'app' },
    { reason: 'the signature is invalid', token: 'subject' },
    { reason: 'the token is not valid yet', token: 'subject', claim: 'nbf' }
  ])
  t.equal(passed(), 0)
})

t.test('with subjectToken: required, a call without a user is refused', async (t) => {
  const { app, log } = serve({ keys, subjectToken: 'required' })
  t.teardown(() => app.close())
  t.equal((await app.inject({ url: '/caller', headers: headers(appToken) })).statusCode, 401)
  t.equal((await app.inject({ url: '/caller', headers: headers(appToken, subjectToken) })).statusCode, 200)
  t.match(log.find(({ msg }) => msg === 'SubjectAndApp authentication refused'), { token: 'subject', option: 'subjectToken' })
})

t.test('the response to a subject token without the scope is 403, and permanent', async (t) => {
  const { app } = serve({ keys })
  t.teardown(() => app.close())
  app.setErrorHandler((error) => error)
  const response = await app.inject({ url: '/caller', headers: headers(appToken, await key.sign(subjectClaims('1.0', { scp: 'Other' }))) })
  t.equal(response.statusCode, 403)
  t.equal(response.headers['www-authenticate'], undefined)
})

t.test('the error that the error handler gets has all properties of an ErrorResponse', async (t) => {
  const { app } = serve({ keys })
  t.teardown(() => app.close())
  const errors: unknown[] = []
  app.addHook('onError', async (_, __, error) => { errors.push({ ...error }) })
  await app.inject({ url: '/caller' })
  await app.inject({ url: '/caller', headers: headers(appToken, await key.sign(subjectClaims('1.0', { scp: 'Other' }))) })
  t.same(errors, [
    { name: 'WorkloadError', statusCode: 401, headers: { 'WWW-Authenticate': 'SubjectAndAppToken1.0' }, errorCode: 'AuthenticationFailed', source: 'External', isPermanent: false },
    { name: 'WorkloadError', statusCode: 403, errorCode: 'InsufficientScope', source: 'External', isPermanent: true }
  ])
})

t.test('the response is 503 until signing keys are available', async (t) => {
  let now = today
  let up = false
  const { app, log, passed } = serve({ keys: () => up ? keys() : new Response('down', { status: 500 }), now: () => now })
  t.teardown(() => app.close())
  const errors: unknown[] = []
  app.addHook('onError', async (_, __, error) => { errors.push({ ...error }) })
  const poll = () => app.inject({ url: '/caller', headers: headers(appToken, subjectToken) })

  const response = await poll()
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '5')
  t.same(errors, [{ name: 'WorkloadError', statusCode: 503, headers: { 'Retry-After': '5' }, errorCode: 'SigningKeysUnavailable', source: 'External', isPermanent: false }])
  t.match(log.find(({ msg }) => msg === 'SubjectAndApp authentication unavailable'), {
    level: 40, reqId: /./, err: { type: 'SigningKeysUnavailable', stack: /500|200 OK/ }
  })
  t.equal((await app.inject({ url: '/caller' })).statusCode, 401, 'a request that needs no key is refused with 401')

  up = true
  now += 4000
  const stillCooling = await poll()
  t.equal(stillCooling.statusCode, 503)
  t.equal(stillCooling.headers['retry-after'], '1')
  now += 1000
  t.equal((await poll()).statusCode, 200)
  t.equal((await poll()).statusCode, 200)

  up = false
  now += 25 * 3_600_000
  const [lateApp, lateSubject] = await Promise.all([
    key.sign(appClaims('1.0', { exp: now / 1000 + 60 })), key.sign(subjectClaims('1.0', { exp: now / 1000 + 60 }))
  ])
  t.equal((await app.inject({ url: '/caller', headers: headers(lateApp, lateSubject) })).statusCode, 503)
  t.equal(passed(), 2)
  t.notMatch(JSON.stringify(log), 'eyJ')
})

t.test('after a day without the key endpoint, the response is 503 for cached tokens too', async (t) => {
  let now = today
  let up = true
  const exp = today / 1000 + 100 * 3600
  const { app } = serve({ keys: () => up ? keys() : new Response('down', { status: 500 }), now: () => now })
  t.teardown(() => app.close())
  const long = headers(await key.sign(appClaims('1.0', { exp })), await key.sign(subjectClaims('1.0', { exp })))
  t.equal((await app.inject({ url: '/caller', headers: long })).statusCode, 200)
  up = false
  now += 23 * 3_600_000
  t.equal((await app.inject({ url: '/caller', headers: long })).statusCode, 200)
  now += 2 * 3_600_000
  t.equal((await app.inject({ url: '/caller', headers: long })).statusCode, 503)
})

t.test('a cached token is refused after the fetch in which its key is missing', async (t) => {
  let now = today
  const successor = await makeKey('two')
  let published = [key.jwk]
  const { app } = serve({ keys: () => Response.json({ keys: published }), now: () => now })
  t.teardown(() => app.close())
  const status = async (token: string) => (await app.inject({ url: '/caller', headers: headers(token) })).statusCode
  t.equal(await status(appToken), 200)
  published = [successor.jwk]
  t.equal(await status(appToken), 200)
  now += 30_000
  t.equal(await status(await successor.sign(appClaims('1.0'))), 200)
  t.equal(await status(appToken), 401)
})

t.test('a key that is bound to one tenant does not sign for another tenant', async (t) => {
  const bound = await makeKey('bound', anyTenantIssuer.replace('{tenantid}', clientTenantId))
  const { app } = serve({ keys: () => Response.json({ keys: [key.jwk, bound.jwk] }) })
  t.teardown(() => app.close())
  for (const version of ['1.0', '2.0'] as const) {
    const [byBound, byAny] = await Promise.all([bound.sign(appClaims(version)), key.sign(appClaims(version))])
    const subject = await bound.sign(subjectClaims(version))
    t.equal((await app.inject({ url: '/caller', headers: headers(byBound) })).statusCode, 401)
    t.equal((await app.inject({ url: '/caller', headers: headers(byAny, subject) })).statusCode, 200)
  }
})

t.test('simultaneous requests with one new token get the same response', async (t) => {
  const { app, passed } = serve({ keys })
  t.teardown(() => app.close())
  const forged = await (await makeKey('one')).sign(appClaims('1.0'))
  const polls = await Promise.all(Array.from({ length: 200 }, (_, i) =>
    app.inject({ url: '/caller', headers: headers(i % 2 ? forged : appToken, subjectToken) })))
  t.ok(polls.every(({ statusCode }, i) => statusCode === (i % 2 ? 401 : 200)))
  t.equal(passed(), 100)
})

t.test('tokens are verified while a test of the host mocks the timers of Node', async (t) => {
  const { app } = serve({ keys })
  t.teardown(() => app.close())
  await app.ready()
  const fakes = [
    t.intercept(globalThis, 'setImmediate', { value: () => {} }),
    t.intercept(timers, 'setImmediate', { value: () => pending().promise })
  ]
  syncBuiltinESMExports()
  try {
    t.equal((await app.inject({ url: '/caller', headers: headers(appToken, subjectToken) })).statusCode, 200)
  } finally {
    fakes.forEach(({ restore }) => restore())
    syncBuiltinESMExports()
  }
})

t.test('an unexpected error in the authentication is a 500, and refuses the request', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const failing = buildAuthenticationHook({ authenticate: async () => { throw new Error('unforeseen') } }, { write: () => {} })
  app.get('/', { onRequest: failing }, async () => t.fail('nobody got past'))
  t.equal((await app.inject('/')).statusCode, 500)
})

t.test('a response without a body is not a key set', async (t) => {
  const { app } = serve({ keys: () => new Response() })
  t.teardown(() => app.close())
  t.equal((await app.inject({ url: '/caller', headers: headers(appToken) })).statusCode, 503)
})

t.test('an unexpected error of jose is thrown, and is not a refusal', async (t) => {
  const checked = checkAuthenticationOptions(options)
  const now = () => NaN
  const publicKey = await crypto.subtle.importKey('jwk', key.jwk, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, true, ['verify'])
  const signingKeys = { find: async () => [{ kid: 'one', issuer: undefined, publicKey, identity: '' }] }
  await t.rejects(verify(decode('app', appToken, checked) as UnverifiedToken, { signingKeys, options: checked, now }), { name: 'TypeError' })
})

t.test('invalid options are refused at registration', async (t) => {
  const { publisherTenantId, audience } = options
  await t.rejects(async () => await Fastify().register(subjectAndApp, { publisherTenantId, audience } as typeof options), {
    name: 'TypeError', message: /also needs "clientId"/
  })
  await t.rejects(async () => await Fastify().register(subjectAndApp, {} as typeof options), { name: 'TypeError', message: /also needs/ })
})

t.test('Fastify\'s own options are accepted at registration of subjectAndApp', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(subjectAndApp, { ...optionsWith(keys), prefix: '/fabric', logLevel: 'warn' })
  t.ok(app.hasDecorator('authenticateSubjectAndApp'))
})

t.test('a scope can register another subjectAndApp than its parent', async (t) => {
  const { app } = serve({ keys })
  t.teardown(() => app.close())
  const now = Math.floor(Date.now() / 1000)
  const token = await key.sign(appClaims('2.0', { aud: '12345678-0000-4000-8000-000000000000', nbf: now, exp: now + 60 }))
  app.register(async (scope) => {
    const { hook: onRequest } = createAuthentication(scope, optionsWith(keys, { clientId: '12345678-0000-4000-8000-000000000000' }))
    scope.get('/own', { onRequest }, async ({ fabricCaller }) => fabricCaller?.tenantId)
    await scope.register(subjectAndApp, optionsWith(keys))
    t.not(scope.authenticateSubjectAndApp, app.authenticateSubjectAndApp)
  })
  t.equal((await app.inject({ url: '/own', headers: headers(token) })).body, clientTenantId)
  t.equal((await app.inject({ url: '/own', headers: headers(appToken) })).statusCode, 401)
  t.equal((await app.inject({ url: '/caller', headers: headers(appToken) })).statusCode, 200)
  t.equal((await app.inject({ url: '/caller', headers: headers(token) })).statusCode, 401)
})

t.test('a server starts to fetch the keys when it listens, and does not wait for them', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const asked = pending<void>()
  const answer = pending<Response>()
  app.register(subjectAndApp, optionsWith(() => {
    asked.resolve()
    return answer.promise
  }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  await asked.promise
  answer.resolve(keys())
})
