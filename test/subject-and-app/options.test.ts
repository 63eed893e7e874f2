import t from 'tap'

import { checkAuthenticationOptions } from '../../lib/subject-and-app/options.js'

const publisherTenantId = 'AAAAAAAA-0000-4000-8000-000000000001'
const clientId = 'CCCCCCCC-0000-4000-8000-000000000003'
const audience = 'api://contoso.example/Workload'
const options = { publisherTenantId, audience, clientId }

t.test('three options are required, and the others have defaults', async (t) => {
  t.same(checkAuthenticationOptions({ ...options, authority: undefined }), {
    publisherTenantId: publisherTenantId.toLowerCase(),
    audience: [audience],
    clientId: clientId.toLowerCase(),
    authority: 'https://login.microsoftonline.com',
    issuerV1: 'https://sts.windows.net',
    jwksUri: 'https://login.microsoftonline.com/common/discovery/v2.0/keys',
    fabricAppIds: ['00000009-0000-0000-c000-000000000000', 'd2450708-699c-41e3-8077-b0c8341509aa'],
    requiredScope: 'FabricWorkloadControl',
    subjectToken: 'optional',
    clockTolerance: 60,
    tokenCacheSize: 10_000
  })
})

t.test('the default of jwksUri is derived from authority, and a trailing slash is ignored', async (t) => {
  const { authority, issuerV1, jwksUri } = checkAuthenticationOptions({
    ...options, authority: 'https://login.microsoftonline.us/', issuerV1: 'https://sts.example/'
  })
  t.equal(authority, 'https://login.microsoftonline.us')
  t.equal(issuerV1, 'https://sts.example')
  t.equal(jwksUri, 'https://login.microsoftonline.us/common/discovery/v2.0/keys')
})

t.test('every option can be set', async (t) => {
  const given = {
    publisherTenantId: publisherTenantId.toLowerCase(),
    audience: [audience, clientId],
    clientId: clientId.toLowerCase(),
    authority: 'https://a.example',
    issuerV1: 'https://b.example',
    jwksUri: `https://c.example/keys?appid=${clientId}`,
    fabricAppIds: [clientId.toLowerCase()],
    requiredScope: 'Some.Scope',
    subjectToken: 'required',
    clockTolerance: 0,
    tokenCacheSize: 0
  }
  t.same(checkAuthenticationOptions(given), given)
})

t.test('plain http is accepted for loopback addresses only', async (t) => {
  for (const host of ['127.0.0.1:8080', '127.255.0.9', '[::1]:8080', 'localhost:8080', 'LOCALHOST', '127.1']) {
    t.doesNotThrow(() => checkAuthenticationOptions({ ...options, jwksUri: `http://${host}/keys` }), host)
    t.doesNotThrow(() => checkAuthenticationOptions({ ...options, authority: `http://${host}` }), host)
  }
  for (const host of ['contoso.example', '127.0.0.1.example', '128.0.0.1', 'localhost.example', '[::2]', '10.0.0.1', '0.0.0.0']) {
    t.throws(() => checkAuthenticationOptions({ ...options, jwksUri: `http://${host}/keys` }), { message: /"jwksUri".*https:/ }, host)
    t.throws(() => checkAuthenticationOptions({ ...options, authority: `http://${host}` }), { message: /"authority".*https:/ }, host)
  }
})

for (const [name, given, message] of [
  ['undefined', undefined, /takes an object of options with "publisherTenantId" \(the Directory/],
  ['null', null, /takes an object/],
  ['true', true, /takes an object/],
  ['a list', [options], /takes an object/],
  ['an empty object', {}, /needs "publisherTenantId" .*"audience" .*"clientId"/],
  ['no tenant', { audience, clientId }, /needs "publisherTenantId" \(the Directory \(tenant\) ID/],
  ['no audience', { publisherTenantId, clientId }, /needs "audience" \(its Application ID URI/],
  ['no client id', { publisherTenantId, audience, clientId: undefined }, /needs "clientId" \(its Application \(client\) ID/],
  ['an unknown option', { ...options, tenantId: clientId }, /Unknown SubjectAndApp option "tenantId": the options are publisherTenantId, /],
  ['the name of a tenant', { ...options, publisherTenantId: 'contoso.example' }, /"publisherTenantId" has to be a UUID.* not "contoso.example"/],
  ['a UUID with the prefix urn:uuid:', { ...options, clientId: `urn:uuid:${clientId}` }, /"clientId" has to be a UUID/],
  ['a UUID in braces', { ...options, clientId: `{${clientId}}` }, /"clientId" has to be a UUID/],
  ['a UUID with a line feed', { ...options, clientId: `${clientId}\n` }, /"clientId" has to be a UUID/],
  ['a list of UUIDs', { ...options, clientId: [clientId] }, /"clientId" has to be a UUID.* not an array/],
  ['an empty audience', { ...options, audience: '' }, /"audience" has to be the Application ID URI/],
  ['an audience with a space', { ...options, audience: `${audience} ` }, /"audience" has to be the Application ID URI/],
  ['an empty list of audiences', { ...options, audience: [] }, /"audience" has to be a list of at least one/],
  ['an audience that is a number', { ...options, audience: [audience, 1] }, /"audience".* not 1/],
  ['an authority that is not a URL', { ...options, authority: 'login.microsoftonline.com' }, /"authority" has to be an https:/],
  ['an authority with the tenant', { ...options, authority: `https://a.example/${publisherTenantId}` }, /"authority".* as https:\/\/a\.example, not/],
  ['an authority with a query', { ...options, authority: 'https://a.example/?x' }, /"authority".*without tenant/],
  ['an issuer with the tenant', { ...options, issuerV1: `https://a.example/${publisherTenantId}/` }, /"issuerV1".*without tenant/],
  ['a jwksUri with {tenantid}', { ...options, jwksUri: 'https://login.microsoftonline.com/{tenantid}/discovery/v2.0/keys' }, /"jwksUri" has to be the address of the keys of all tenants, without a placeholder.*\{tenantid\}/],
  ['a jwksUri with an encoded placeholder', { ...options, jwksUri: 'https://login.microsoftonline.com/%7Btenant%7D/discovery/v2.0/keys' }, /"jwksUri".*placeholder/],
  ['a jwksUri with <tenant>', { ...options, jwksUri: 'https://login.microsoftonline.com/<tenant>/discovery/v2.0/keys' }, /"jwksUri".*placeholder/],
  ['a jwksUri with a shell variable', { ...options, jwksUri: 'https://login.microsoftonline.com/$TENANT_ID/discovery/v2.0/keys' }, /"jwksUri".*placeholder/],
  ['a jwksUri with :tenant', { ...options, jwksUri: 'https://login.microsoftonline.com/:tenant/discovery/v2.0/keys' }, /"jwksUri".*placeholder/],
  ['a jwksUri with {clientId}', { ...options, jwksUri: 'https://login.microsoftonline.com/common/discovery/v2.0/keys?appid={clientId}' }, /"jwksUri".*placeholder/],
  ['a jwksUri of a file', { ...options, jwksUri: 'file:///keys.json' }, /"jwksUri" has to be an https:/],
  ['a jwksUri that is a URL object', { ...options, jwksUri: new URL('https://a.example') }, /"jwksUri" has to be an https:/],
  ['an empty list of fabricAppIds', { ...options, fabricAppIds: [] }, /"fabricAppIds" has to be a list of at least one/],
  ['fabricAppIds as a string', { ...options, fabricAppIds: clientId }, /"fabricAppIds" has to be a list/],
  ['fabricAppIds that are not UUIDs', { ...options, fabricAppIds: ['Fabric'] }, /"fabricAppIds" has to be a UUID/],
  ['two scopes', { ...options, requiredScope: 'A B' }, /"requiredScope" has to be the name of one scope/],
  ['an empty scope', { ...options, requiredScope: '' }, /"requiredScope"/],
  ['a scope that is null', { ...options, requiredScope: null }, /"requiredScope".* not null/],
  ['an unknown value of subjectToken', { ...options, subjectToken: false }, /"subjectToken" has to be "optional" or "required", not false/],
  ['a clockTolerance of more than a minute', { ...options, clockTolerance: 61 }, /"clockTolerance" has to be a whole number from 0 to 60/],
  ['a negative clockTolerance', { ...options, clockTolerance: -1 }, /"clockTolerance"/],
  ['a clockTolerance that is NaN', { ...options, clockTolerance: NaN }, /"clockTolerance"/],
  ['a clockTolerance as a string', { ...options, clockTolerance: '60' }, /"clockTolerance"/],
  ['a fraction as tokenCacheSize', { ...options, tokenCacheSize: 0.5 }, /"tokenCacheSize" has to be a whole number/],
  ['an infinite tokenCacheSize', { ...options, tokenCacheSize: Infinity }, /"tokenCacheSize"/]
] as const) {
  t.test(`the authentication options are refused with ${name}`, async (t) => {
    t.throws(() => checkAuthenticationOptions(given), { name: 'TypeError', message })
  })
}

t.test('an address with a password is refused, and the error does not contain it', async (t) => {
  for (const jwksUri of ['https://user:secret@a.example/keys', 'https://user@a.example/keys', 'https://a.example/keys#secret']) {
    t.throws(() => checkAuthenticationOptions({ ...options, jwksUri }), { message: /without user, password and #/ })
    t.throws(() => checkAuthenticationOptions({ ...options, jwksUri }), { message: /^(?!.*secret)/ })
  }
})
