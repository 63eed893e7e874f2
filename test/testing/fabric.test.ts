import { createPublicKey, createSecretKey } from 'node:crypto'

import Fastify from 'fastify'
import { compactVerify, createLocalJWKSet, decodeJwt, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from 'jose'
import t from 'tap'

import fabricJobState from '../../lib/index.js'
import { jwksFetch } from '../../lib/subject-and-app/signing-keys.js'
import { createFabric, type TokenOptions } from '../../lib/testing/index.js'

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
const AUTHORIZATION = /^SubjectAndAppToken1\.0 subjectToken="(?<subject>eyJ[\w.-]+)?", appToken="(?<app>eyJ[\w.-]+)"$/

const fabric = createFabric()
const { publisherTenantId, tenantId, audience, clientId } = fabric.registration

/** The two tokens of a header. */
function tokensOf ({ authorization = '' }: Record<string, string>) {
  const { app = '', subject = '' } = AUTHORIZATION.exec(authorization)?.groups ?? {}
  return { app, subject }
}

const versions = {
  '1.0': {
    issuer: (tid: string) => `https://sts.windows.net/${tid}/`, audience, application: 'appid'
  },
  '2.0': {
    issuer: (tid: string) => `https://login.microsoftonline.com/${tid}/v2.0`, audience: clientId, application: 'azp'
  }
} as const

for (const version of ['1.0', '2.0'] as const) {
  const expected = versions[version]

  t.test(`an app token of version ${version} is signed with a published key and has an app token's claims`, async (t) => {
    const issuer = expected.issuer(publisherTenantId)
    const { payload, protectedHeader } = await jwtVerify(
      await fabric.appToken({ version }), createLocalJWKSet(await fabric.jwks()), { issuer, audience: expected.audience })
    t.match(protectedHeader, { alg: 'RS256', typ: 'JWT', kid: /^[\w-]{27}$/ })
    t.match(payload, {
      ver: version, tid: publisherTenantId, idtyp: 'app', oid: UUID, [expected.application]: '00000009-0000-0000-c000-000000000000'
    })
    t.notOk('scp' in payload)
    t.equal(Number(payload.exp) - Number(payload.nbf), 24 * 3600 + 300)
  })

  t.test(`a subject token of version ${version} is signed with a published key and has a user's claims`, async (t) => {
    const issuer = expected.issuer(tenantId)
    const { payload } = await jwtVerify(
      await fabric.subjectToken({ version }), createLocalJWKSet(await fabric.jwks()), { issuer, audience: expected.audience })
    t.match(payload, {
      ver: version, tid: tenantId, scp: 'FabricWorkloadControl', oid: UUID, [expected.application]: '00000009-0000-0000-c000-000000000000'
    })
    t.notOk('idtyp' in payload)
    const minutes = (Number(payload.exp) - Number(payload.nbf)) / 60 - 5
    t.ok(minutes >= 60 && minutes < 90)
  })

  t.test(`the headers of version ${version} have the format and size of Fabric's`, async (t) => {
    const headers = await fabric.headers({ version })
    t.match(headers, { authorization: AUTHORIZATION, 'x-ms-client-tenant-id': tenantId, activityid: UUID, requestid: UUID })
    t.ok(headers.authorization.length > 2200 && headers.authorization.length < 2900, `${headers.authorization.length} characters`)
    const { app, subject } = tokensOf(headers)
    t.equal(decodeJwt(app).ver, version)
    t.equal(decodeJwt(subject).ver, version)
  })

  t.test(`a workload accepts a poll of version ${version}, and refuses each of the bad headers`, async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(fabricJobState, {
      prefix: '/api', resolveJobState: () => ({ status: 'InProgress' }), authentication: fabric.authentication
    })
    const poll = await fabric.poll({ prefix: '/api', version })
    t.equal((await app.inject(poll)).statusCode, 200)
    for (const { name, statusCode, headers } of await fabric.badHeaders({ version })) {
      t.equal((await app.inject({ ...poll, headers })).statusCode, statusCode, name)
    }
  })

  t.test(`the bad headers of version ${version} have unique names and values`, async (t) => {
    const bad = await fabric.badHeaders({ version })
    t.equal(new Set(bad.map(({ name }) => name)).size, bad.length)
    t.equal(new Set(bad.map(({ headers }) => headers.authorization + ' ' + headers['x-ms-client-tenant-id'])).size, bad.length)
    t.same(new Set(bad.map(({ statusCode }) => statusCode)), new Set([401, 403]))
  })
}

t.test('two tokens with the same options differ', async (t) => {
  const tokens = await Promise.all([fabric.appToken(), fabric.appToken(), fabric.subjectToken(), fabric.subjectToken()])
  t.equal(new Set(tokens).size, 4)
})

t.test('a call without a user has an empty subject token', async (t) => {
  const { authorization } = await fabric.headers({ subjectToken: '' })
  t.match(authorization, /^SubjectAndAppToken1\.0 subjectToken="", appToken="eyJ[\w.-]+"$/)
})

t.test('tokens that are given as strings are sent unchanged', async (t) => {
  const [appToken, subjectToken] = [await fabric.appToken(), await fabric.subjectToken()]
  t.same(tokensOf(await fabric.headers({ appToken, subjectToken })), { app: appToken, subject: subjectToken })
})

t.test('tenantId of the headers is the tenant of the subject token, and not of the app token', async (t) => {
  const other = '3fa85f64-5717-4562-b3fc-2c963f66afa6'
  const headers = await fabric.headers({ tenantId: other })
  const { app, subject } = tokensOf(headers)
  t.equal(headers['x-ms-client-tenant-id'], other)
  t.match(decodeJwt(subject), { tid: other, iss: versions['1.0'].issuer(other) })
  t.equal(decodeJwt(app).tid, publisherTenantId)
})

t.test('given claims and header parameters replace the defaults, and undefined removes them', async (t) => {
  const options: TokenOptions = { claims: { scp: 'a b', oid: undefined }, header: { kid: 'k', x5t: undefined } }
  const { subject } = tokensOf(await fabric.headers({ subjectToken: options }))
  t.equal(decodeJwt(subject).scp, 'a b')
  t.notOk('oid' in decodeJwt(subject))
  t.same(decodeProtectedHeader(subject), { typ: 'JWT', alg: 'RS256', kid: 'k' })
})

t.test('createFabric accepts the registration of any workload', async (t) => {
  const other = createFabric({
    publisherTenantId: '3fa85f64-5717-4562-b3fc-2c963f66afa6', authority: 'https://login.microsoftonline.us', clientId: tenantId
  })
  t.match(other.authentication, {
    publisherTenantId: '3fa85f64-5717-4562-b3fc-2c963f66afa6',
    audience: /3fa85f64-5717-4562-b3fc-2c963f66afa6/,
    clientId: tenantId,
    authority: 'https://login.microsoftonline.us',
    issuerV1: 'https://sts.windows.net'
  })
  t.match(decodeJwt(await other.appToken({ version: '2.0' })), {
    iss: 'https://login.microsoftonline.us/3fa85f64-5717-4562-b3fc-2c963f66afa6/v2.0', aud: tenantId
  })
  t.match((await other.jwks()).keys[0], { issuer: 'https://login.microsoftonline.us/{tenantid}/v2.0' })
})

t.test('a simulated Fabric refuses the tokens of another one', async (t) => {
  const keys = createLocalJWKSet(await createFabric().jwks())
  await t.rejects(jwtVerify(await fabric.appToken(), keys), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

t.test('a poll is for the job instance of the contract\'s sample by default', async (t) => {
  const poll = await fabric.poll()
  t.equal(poll.method, 'GET')
  t.equal(poll.url, '/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/Contoso.FinanceAnalytics.Forecast/' +
    'b14cb7e7-d346-4751-9cfd-8c2767d53111/jobTypes/calculateForecast/instances/63f77191-432d-4ee6-9c5f-31a1a6987072')
  t.match(poll.headers, { authorization: AUTHORIZATION })
})

t.test('a poll can be for any job instance, under any prefix, with any headers', async (t) => {
  const poll = await fabric.poll({ prefix: '/api', job: { itemType: 'a/:jobType', jobType: '$&é' }, subjectToken: '' })
  t.match(poll.url, '/items/a%2F%3AjobType/b14cb7e7-d346-4751-9cfd-8c2767d53111/jobTypes/%24%26%C3%A9/instances/')
  t.ok(poll.url.startsWith('/api/workspaces/'))
  t.match(poll.headers.authorization, 'subjectToken=""')
})

t.test('a request of the Extensibility Toolkit has the item in its path and the job in its body', async (t) => {
  const item = '/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/Contoso.FinanceAnalytics.Forecast/b14cb7e7-d346-4751-9cfd-8c2767d53111'
  for (const operation of ['onCreateJobInstance', 'onGetJobInstanceStatus', 'onCancelJobInstance'] as const) {
    const { headers, ...request } = await fabric.toolkitRequest(operation)
    t.strictSame(request, {
      method: 'POST',
      url: `${item}/jobs/${operation}`,
      payload: { jobType: 'calculateForecast', jobInstanceId: '63f77191-432d-4ee6-9c5f-31a1a6987072' }
    })
    t.match(headers, { authorization: AUTHORIZATION, activityid: UUID })
  }
})

t.test('a request of the Extensibility Toolkit can be for any job instance, under any prefix, with any headers and body', async (t) => {
  const job = { itemType: 'a/:jobType', jobType: '$&é' }
  const body = { executionData: { months: 12 }, jobInstanceId: 7 }
  const request = await fabric.toolkitRequest('onCreateJobInstance', { prefix: '/api', job, body, subjectToken: '' })
  t.match(request.url, /^\/api\/workspaces\/[\da-f-]{36}\/items\/a%2F%3AjobType\/[\da-f-]{36}\/jobs\/onCreateJobInstance$/)
  t.strictSame(request.payload, { jobType: '$&é', jobInstanceId: 7, executionData: { months: 12 } })
  t.match(request.headers.authorization, 'subjectToken=""')
})

t.test('after rotateKeys the old keys stay published until retireKeys', async (t) => {
  const fabric = createFabric()
  const before = await fabric.appToken()
  await fabric.rotateKeys()
  const after = await fabric.appToken()
  t.not(decodeProtectedHeader(before).kid, decodeProtectedHeader(after).kid)

  const both = createLocalJWKSet(await fabric.jwks())
  await t.resolves(jwtVerify(before, both))
  await t.resolves(jwtVerify(after, both))

  fabric.retireKeys()
  const one = createLocalJWKSet(await fabric.jwks())
  await t.rejects(jwtVerify(before, one), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  await t.resolves(jwtVerify(after, one))
})

t.test('keys can be rotated and retired before anything was signed', async (t) => {
  const fabric = createFabric()
  fabric.retireKeys()
  await fabric.rotateKeys()
  t.equal((await fabric.jwks()).keys.length, 3, 'the first, the second and the one that is bound to a tenant')
})

t.test('the published keys are public signature keys without alg, one of them bound to a tenant', async (t) => {
  const { keys } = await fabric.jwks()
  t.equal(keys.length, 2)
  for (const key of keys) {
    t.same(Object.keys(key).sort(), ['e', 'issuer', 'kid', 'kty', 'n', 'use', 'x5t'])
    t.match(key, { kty: 'RSA', use: 'sig' })
  }
  t.match(keys, [
    { issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' },
    { issuer: /^https:\/\/login\.microsoftonline\.com\/[\da-f-]{36}\/v2\.0$/ }
  ])
})

t.test('the keys are served in process', async (t) => {
  const answer = await fabric.authentication[jwksFetch]?.('https://contoso.example/keys', {
    method: 'GET', headers: new Headers(), redirect: 'manual', signal: AbortSignal.timeout(1000)
  })
  t.equal(answer?.status, 200)
  t.same(await answer?.json(), await fabric.jwks())
})

t.test('the keys are served on loopback until the endpoint is closed', async (t) => {
  const { jwksUri, authentication, close } = await fabric.listen()
  t.match(jwksUri, /^http:\/\/127\.0\.0\.1:\d+\/common\/discovery\/v2\.0\/keys$/)
  t.same(authentication, { publisherTenantId, audience, clientId, authority: 'https://login.microsoftonline.com', issuerV1: 'https://sts.windows.net', jwksUri })
  t.notOk(jwksFetch in authentication, 'no option that works only in this process')

  const answer = await fetch(jwksUri)
  t.match(answer.headers.get('content-type'), 'application/json')
  t.same(await answer.json(), await fabric.jwks())
  t.equal((await fetch(jwksUri + '/other')).status, 404)

  await close()
  await t.rejects(fetch(jwksUri))
})

t.test('each bad token is invalid only in what its name says', async (t) => {
  const bad = await fabric.badHeaders()
  const named = (name: string) => tokensOf(bad.find((each) => each.name === `the app token ${name}`)?.headers ?? {}).app
  const [own] = (await fabric.jwks()).keys
  const published = createLocalJWKSet(await fabric.jwks())

  await t.test('the token that is not signed has alg none and no signature', async (t) => {
    t.match(named('is not signed'), /^eyJ[\w-]+\.eyJ[\w-]+\.$/)
    t.equal(JSON.parse(Buffer.from(named('is not signed'), 'base64url').toString().split('}')[0] + '}').alg, 'none')
  })
  await t.test('the token that is signed with the public key as a secret is valid where HS256 is accepted', async (t) => {
    const { kty = '', n = '', e = '' } = own ?? {}
    const pem = createPublicKey({ key: { kty, n, e }, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    const token = named('is signed with the public key as a secret')
    await t.resolves(compactVerify(token, createSecretKey(Buffer.from(pem)), { algorithms: ['HS256'] }))
  })
  for (const algorithm of ['RS384', 'PS256']) {
    await t.test(`the token that is signed with ${algorithm} is valid where ${algorithm} is accepted`, async (t) => {
      await t.resolves(compactVerify(named(`is signed with ${algorithm}`), published, { algorithms: [algorithm] }))
    })
  }
  await t.test('the token with a critical header parameter is valid where the parameter is supported', async (t) => {
    const token = named('has a critical header parameter')
    await t.rejects(compactVerify(token, published), { code: 'ERR_JOSE_NOT_SUPPORTED' })
    await t.resolves(compactVerify(token, published, { crit: { tenant: true } }))
  })
  await t.test('the token that contains its key is valid where that key is trusted', async (t) => {
    const token = named('contains the key that it is signed with')
    await t.resolves(compactVerify(token, EmbeddedJWK))
    await t.rejects(compactVerify(token, published), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
  })
  await t.test('the token that names a key of another tenant is valid where the issuer of a key is not checked', async (t) => {
    await t.resolves(jwtVerify(named('names a key of another tenant'), published))
  })
  for (const name of ['is of another tenant', 'has a scope', 'is not marked as an app token', 'names another calling application']) {
    await t.test(`the token that ${name} has a valid signature and is valid now`, async (t) => {
      await t.resolves(jwtVerify(named(name), published, { audience }))
    })
  }
  for (const [name, code] of [['has expired', 'ERR_JWT_EXPIRED'], ['is not valid yet', 'ERR_JWT_CLAIM_VALIDATION_FAILED']] as const) {
    await t.test(`the token that ${name} has a valid signature`, async (t) => {
      await t.resolves(compactVerify(named(name), published))
      await t.rejects(jwtVerify(named(name), published), { code })
    })
  }
  for (const name of ['has claims that were not signed', 'has a signature that was changed', "is signed with another key under the kid of Fabric's key"]) {
    await t.test(`the token that ${name} has an invalid signature`, async (t) => {
      await t.rejects(compactVerify(named(name), published), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
    })
  }
})
