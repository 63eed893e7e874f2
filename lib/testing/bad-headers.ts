import { createSecretKey, generateKeyPairSync } from 'node:crypto'

import type { Claims, TokenVersion } from './claims.js'
import type { Fabric, FabricHeaders, HeadersOptions, TokenOptions } from './fabric.js'
import { FABRIC_CLIENT_FOR_WORKLOADS, OTHER_TENANT_ID, type Registration } from './registration.js'
import { newSigningKey, type SigningKey, type SigningKeys } from './signing-keys.js'

/** Headers that a server must refuse. */
export interface BadHeaders {
  /** A name that says what is invalid. */
  readonly name: string
  /** The status of the response: 403 if only the scope is wrong, else 401. */
  readonly statusCode: 401 | 403
  /** The headers, their names in lower case. */
  readonly headers: Record<string, string>
}

/** Values by a name that says what is invalid. */
type Named<T> = Readonly<Record<string, T>>

interface TokenPair {
  readonly appToken: string
  readonly subjectToken: string
}

/** See `badHeaders` of {@link Fabric}. */
export async function makeBadHeaders (fabric: Fabric, keys: SigningKeys, version: TokenVersion): Promise<BadHeaders[]> {
  const pair = { appToken: await fabric.appToken({ version }), subjectToken: await fabric.subjectToken({ version }) }
  const signatures = badSignatures(await keys.current(), await strangersKey(), keys.tenantBoundKid)
  const claims = badClaims(version, fabric.registration)
  const unauthorized: Named<HeadersOptions> = {
    ...badPairs(pair),
    ...sentAs('app', { ...spoiled(pair.appToken), ...signatures, ...claims, ...badAppClaims }),
    ...sentAs('subject', { ...spoiled(pair.subjectToken), ...signatures, ...claims, ...badSubjectClaims(version) })
  }
  const forbidden = sentAs('subject', insufficientClaims)

  const bad: BadHeaders[] = []
  for (const [name, headers] of Object.entries(badForms(await fabric.headers(pair), pair))) {
    bad.push({ name, statusCode: 401, headers })
  }
  for (const [statusCode, changes] of [[401, unauthorized], [403, forbidden]] as const) {
    for (const [name, change] of Object.entries(changes)) {
      bad.push({ name, statusCode, headers: await fabric.headers({ version, ...change }) })
    }
  }
  return bad
}

function sentAs (kind: 'app' | 'subject', tokens: Named<string | TokenOptions>): Named<HeadersOptions> {
  return Object.fromEntries(Object.entries(tokens).map(
    ([name, token]) => [`the ${kind} token ${name}`, kind === 'app' ? { appToken: token } : { subjectToken: token }]))
}

function badForms (good: FabricHeaders, { appToken, subjectToken }: TokenPair): Named<Record<string, string>> {
  const { authorization, ...withoutAuthorization } = good
  const { 'x-ms-client-tenant-id': tenantId, ...withoutTenant } = good
  const spelled = (authorization: string) => ({ ...good, authorization })
  return {
    'there is no Authorization header': withoutAuthorization,
    'the Authorization header is empty': spelled(''),
    'the app token is sent as a bearer token': spelled(`Bearer ${appToken}`),
    'the scheme is in lower case': spelled(authorization.replace('SubjectAndAppToken', 'subjectandapptoken')),
    'the scheme has another version': spelled(authorization.replace('Token1.0', 'Token2.0')),
    'there are two spaces after the scheme': spelled(authorization.replace(' ', '  ')),
    'there is no space after the comma': spelled(authorization.replace(', ', ',')),
    'the app token comes first': spelled(`SubjectAndAppToken1.0 appToken="${appToken}", subjectToken="${subjectToken}"`),
    'the app token is not named': spelled(`SubjectAndAppToken1.0 subjectToken="${subjectToken}"`),
    'the subject token is not named': spelled(`SubjectAndAppToken1.0 appToken="${appToken}"`),
    'the quotes are missing': spelled(authorization.replaceAll('"', '')),
    'the quotes are single quotes': spelled(authorization.replaceAll('"', "'")),
    'there is a third parameter': spelled(`${authorization}, version="1.0"`),
    'two Authorization headers are joined into one': spelled(`${authorization}, ${authorization}`),
    'there is no x-ms-client-tenant-id header': withoutTenant,
    'the x-ms-client-tenant-id header is not a UUID': { ...good, 'x-ms-client-tenant-id': 'contoso.example' },
    'the x-ms-client-tenant-id header names two tenants': { ...good, 'x-ms-client-tenant-id': `${tenantId}, ${tenantId}` },
    'the x-ms-client-tenant-id header names another tenant': { ...good, 'x-ms-client-tenant-id': OTHER_TENANT_ID }
  }
}

function badPairs ({ appToken, subjectToken }: TokenPair): Named<HeadersOptions> {
  return {
    'the two tokens are swapped': { appToken: subjectToken, subjectToken: appToken },
    'the app token is also the subject token': { appToken, subjectToken: appToken },
    'the subject token is also the app token': { appToken: subjectToken, subjectToken },
    'the app token is empty': { appToken: '', subjectToken },
    'both tokens are empty': { appToken: '', subjectToken: '' }
  }
}

/** A valid token that was changed after it was signed. */
function spoiled (token: string): Named<string> {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims: Claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const otherClaims = Buffer.from(JSON.stringify({ ...claims, oid: OTHER_TENANT_ID })).toString('base64url')
  const otherSignature = Buffer.from(signature, 'base64url').reverse().toString('base64url')
  return {
    'has claims that were not signed': [header, otherClaims, signature].join('.'),
    'has a signature that was changed': [header, payload, otherSignature].join('.'),
    'has a signature that was cut short': token.slice(0, -4),
    'has no signature': [header, payload, ''].join('.'),
    'is not a token': 'eyJ'
  }
}

function badSignatures (own: SigningKey, stranger: SigningKey, tenantBoundKid: string): Named<TokenOptions> {
  const publicPem = own.publicKey.export({ type: 'spki', format: 'pem' })
  const { privateKey: ellipticKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    'is not signed': { header: { alg: 'none' } },
    'is signed with the public key as a secret': { header: { alg: 'HS256' }, key: createSecretKey(Buffer.from(publicPem)) },
    'is signed with RS384': { header: { alg: 'RS384' } },
    'is signed with PS256': { header: { alg: 'PS256' } },
    'is signed with ES256': { header: { alg: 'ES256' }, key: ellipticKey },
    'has a critical header parameter': { header: { crit: ['tenant'], tenant: OTHER_TENANT_ID } },
    "is signed with another key under the kid of Fabric's key": { key: stranger.privateKey },
    'contains the key that it is signed with': {
      header: { jwk: stranger.publicKey.export({ format: 'jwk' }) }, key: stranger.privateKey
    },
    'names a key that is not published': { header: { kid: stranger.kid }, key: stranger.privateKey },
    'names no key': { header: { kid: undefined } },
    'names a key of another tenant': { header: { kid: tenantBoundKid } }
  }
}

/** For either token. */
function badClaims (version: TokenVersion, { authority, issuerV1, tenantId }: Registration): Named<TokenOptions> {
  const application = version === '1.0' ? 'appid' : 'azp'
  const otherIssuer = version === '1.0' ? `${issuerV1}/${OTHER_TENANT_ID}/` : `${authority}/${OTHER_TENANT_ID}/v2.0`
  const now = Math.floor(Date.now() / 1000)
  return {
    'has expired': { claims: { exp: now - 300 } },
    'never expires': { claims: { exp: undefined } },
    'is not valid yet': { claims: { nbf: now + 300 } },
    'has no version': { claims: { ver: undefined } },
    'has another version': { claims: { ver: '3.0' } },
    'has no audience': { claims: { aud: undefined } },
    'is for another application': { claims: { aud: 'api://contoso.example' } },
    'has no issuer': { claims: { iss: undefined } },
    'has the issuer of another tenant': { claims: { iss: otherIssuer } },
    'has an unknown issuer': { claims: { iss: `https://contoso.example/${tenantId}/` } },
    'names no tenant': { claims: { tid: undefined } },
    'names a tenant that is not a UUID': { claims: { tid: '../contoso.example' } },
    'is of another tenant': { tenantId: OTHER_TENANT_ID },
    'names no calling application': { claims: { [application]: undefined } },
    'names another calling application': { claims: { [application]: OTHER_TENANT_ID } },
    'has no object ID': { claims: { oid: undefined } }
  }
}

const badAppClaims: Named<TokenOptions> = {
  'is not marked as an app token': { claims: { idtyp: undefined } },
  "is marked as a user's": { claims: { idtyp: 'user' } },
  'has a scope': { claims: { scp: 'FabricWorkloadControl' } }
}

function badSubjectClaims (version: TokenVersion): Named<TokenOptions> {
  const application = version === '1.0' ? 'appid' : 'azp'
  return {
    "is marked as an application's": { claims: { idtyp: 'app' } },
    'has its scopes as a list': { claims: { scp: ['FabricWorkloadControl'] } },
    "names another calling application than the app token's": { claims: { [application]: FABRIC_CLIENT_FOR_WORKLOADS } }
  }
}

const insufficientClaims: Named<TokenOptions> = {
  'has no scope': { claims: { scp: undefined } },
  'has another scope': { claims: { scp: 'Item.Read.All' } },
  'has a scope that only contains the name of the right one': { claims: { scp: 'NotFabricWorkloadControl FabricWorkloadControl2' } }
}

let stranger: Promise<SigningKey> | undefined

/** A key that is not published. */
function strangersKey (): Promise<SigningKey> {
  stranger ??= newSigningKey()
  return stranger
}
