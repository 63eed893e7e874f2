import type { FabricHeaders, HeadersOptions, Registration, TokenVersion } from '../lib/testing/index.js'
import { base64url, type Forge, hmac, nothing, rs512 } from './helpers/forge.js'
import { requestText } from './helpers/raw-http.js'

/** A request and the expected status. */
export interface RawRequest {
  name: string
  /** 200 or 201 for a valid call; 401 or 403 for an attack, or the status of Node's HTTP parser. */
  status: 200 | 201 | 400 | 401 | 403 | 431
  /** The whole request, one character for each byte. */
  text: string
}

/** Everything that an attacker may have, and more. */
export interface Loot {
  /** Signs tokens of any form with a published key, so that the form is their only fault. */
  forge: Forge
  /** The path of a poll. */
  target: string
  /** The headers of a poll that is accepted. */
  good: FabricHeaders
  /** The two tokens of that poll. */
  app: string
  subject: string
  /** Two tokens of a key that is not published any more. */
  retired: { app: string, subject: string }
}

/** Values by a name that says what is invalid. */
type Named<T> = Record<string, T>
type Claims = Record<string, unknown>
type Kind = 'app' | 'subject'

const KINDS = ['app', 'subject'] as const
const VERSIONS = ['1.0', '2.0'] as const

const OTHER_TENANT = '3fa85f64-5717-4562-b3fc-2c963f66afa6'
const FABRIC_CLIENT_FOR_WORKLOADS = 'd2450708-699c-41e3-8077-b0c8341509aa'

/** Requests that must not reach the resolver. */
export async function attackTable (loot: Loot): Promise<RawRequest[]> {
  const { forge, target, good, app, subject } = loot
  const attacks: RawRequest[] = []
  const add = (status: RawRequest['status'], prefix: string, requests: Named<string>) => {
    for (const [name, text] of Object.entries(requests)) attacks.push({ name: prefix + name, status, text })
  }
  const withHeaders = (headers: Record<string, string>) => requestText(target, lines(headers))
  const withTokens = (tokens: { app?: string, subject?: string }) =>
    withHeaders({ ...good, authorization: authorizationOf({ app, subject, ...tokens }) })

  for (const version of VERSIONS) {
    for (const { name, statusCode, headers } of await forge.fabric.badHeaders({ version })) {
      add(statusCode, `v${version}: `, { [name]: withHeaders(headers) })
    }
  }
  for (const kind of KINDS) {
    const send = (token: string) => withTokens({ [kind]: token })
    add(401, `${kind} token: `, mapped(spellings(loot[kind]), send))
    add(401, `${kind} token: `, mapped(headersAndPayloads(forge, await forge.claims(kind)), send))
    add(401, `${kind} token: `, { 'of a key that is not published any more': send(loot.retired[kind]) })
    for (const version of VERSIONS) {
      const claims = claimsOfEither(await forge.claims(kind, version), version, forge.fabric.registration)
      // An app token is sent without a subject token, whose mismatch would be another reason for the refusal.
      const alone = kind === 'app' ? { subject: '' } : {}
      add(401, `${kind} token v${version}: `, mapped(claims, (bad) => withTokens({ ...alone, [kind]: forge.token({}, bad) })))
    }
  }
  const appClaims = await forge.claims('app')
  const subjectClaims = await forge.claims('subject')
  const forged = (kind: Kind, claims: Claims) => withTokens({ [kind]: forge.token({}, claims) })
  add(401, 'app token: ', mapped(claimsOfApps, (bad) => forged('app', { ...appClaims, ...bad })))
  add(401, 'subject token: ', mapped(claimsOfSubjects, (bad) => forged('subject', { ...subjectClaims, ...bad })))
  add(403, 'subject token: ', mapped(scopes, (scp) => forged('subject', { ...subjectClaims, scp })))

  add(401, 'pair: ', mapped(await pairs(loot), withHeaders))
  add(401, 'Authorization: ', mapped(authorizations(loot), (authorization) => withHeaders({ ...good, authorization })))
  const withoutUser = { ...good, authorization: authorizationOf({ app, subject: '' }) }
  for (const [who, headers] of Object.entries({ 'for a user': good, 'without a user': withoutUser })) {
    add(401, `x-ms-client-tenant-id ${who}: `, mapped(tenants(good), (tenant) => withHeaders({ ...headers, 'x-ms-client-tenant-id': tenant })))
  }
  add(401, 'headers: ', mapped(headerLines(loot), (lines) => requestText(target, lines)))
  const { spaceBeforeColon, ...malformed } = malformedLines(good)
  add(400, "Node's parser: ", mapped(malformed, (lines) => requestText(target, lines)))
  // The parser of Node.js 20.19.0 accepts the space as a character of the name, so there is no header Authorization.
  const acceptsSpace = Number.parseInt(String(process.versions.llhttp)) < 9
  add(acceptsSpace ? 401 : 400, "Node's parser: ", { 'a space before the colon': requestText(target, spaceBeforeColon) })
  add(431, "Node's parser: ", { 'more headers than fit': withTokens({ app: `${app}${'A'.repeat(16_384)}` }) })
  add(401, 'request: ', requests(loot))
  return attacks
}

/** Requests that must reach the resolver: they show that not every request is refused. */
export async function controlTable ({ forge, target, good }: Loot): Promise<RawRequest[]> {
  const { fabric } = forge
  const { publisherTenantId, tenantId, clientId } = fabric.registration
  const forged = async (version: TokenVersion) => ({
    appToken: forge.token({}, await forge.claims('app', version)),
    subjectToken: forge.token({}, await forge.claims('subject', version))
  })
  const seconds = Math.floor(Date.now() / 1000)
  const inUpperCase = { tid: tenantId.toUpperCase(), iss: `https://sts.windows.net/${tenantId.toUpperCase()}/` }
  const byOtherApplication = { claims: { appid: FABRIC_CLIENT_FOR_WORKLOADS } }
  const calls: Named<HeadersOptions> = {
    'v1.0': {},
    'v2.0': { version: '2.0' },
    'v1.0 without a user': { subjectToken: '' },
    'v2.0 without a user': { version: '2.0', subjectToken: '' },
    'app token v1.0, subject token v2.0': { subjectToken: { version: '2.0' } },
    'app token v2.0, subject token v1.0': { appToken: { version: '2.0' } },
    'a user of another tenant': { tenantId: OTHER_TENANT },
    "a user of the publisher's tenant": { tenantId: publisherTenantId },
    "Fabric's other application": { appToken: byOtherApplication, subjectToken: byOtherApplication },
    'the scope among others': { subjectToken: { claims: { scp: 'Item.Read.All FabricWorkloadControl Item.Execute.All' } } },
    'the tenant in upper case in the header': { tenantId: tenantId.toUpperCase(), subjectToken: { tenantId } },
    'the tenant in upper case in the token': { subjectToken: { claims: inUpperCase } },
    'the calling application in upper case': {
      appToken: { claims: { appid: FABRIC_CLIENT_FOR_WORKLOADS.toUpperCase() } }, subjectToken: byOtherApplication
    },
    'the client id in upper case': { version: '2.0', appToken: { claims: { aud: clientId.toUpperCase() } } },
    'an app token that has just ended': { appToken: { claims: { exp: seconds - 1 } } },
    'a subject token that begins in 50 seconds': { subjectToken: { claims: { nbf: seconds + 50 } } },
    'times with fractions of a second': { appToken: { claims: { nbf: seconds - 300.5, exp: seconds + 3600.5 } } },
    'typ of an access token as a media type': {
      appToken: { header: { typ: 'application/at+jwt' } }, subjectToken: { header: { typ: 'Application/AT+JWT' } }
    },
    'valid tokens of the forge, v1.0': await forged('1.0'),
    'valid tokens of the forge, v2.0': await forged('2.0')
  }
  const control = (name: string, lines: string[]): RawRequest => ({ name, status: 200, text: requestText(target, lines) })
  const controls = Object.entries(calls).map(async ([name, call]) => control(name, lines(await fabric.headers(call))))
  const { authorization, ...others } = good
  return [
    control('the pair that the attacks are upon', lines(good)),
    control('header names in upper case', lines(good).map((line) => line.replace(/^[^:]+/, (name) => name.toUpperCase()))),
    control('spaces around the header', [`Authorization: \t ${authorization} \t`, ...lines(others)]),
    ...await Promise.all(controls)
  ]
}

/** Other spellings of a token that was accepted. */
function spellings (token: string): Named<string> {
  const [head = '', body = '', signature = ''] = token.split('.')
  const joined = (...parts: string[]) => parts.join('.')
  return {
    'its last letter with unused bits set': token.slice(0, -1) + withUnusedBits(token.slice(-1)),
    'in the base64 of MIME': token.replaceAll('-', '+').replaceAll('_', '/'),
    'with its signature padded': `${token}==`,
    'with its payload padded': joined(head, `${body}=`, signature),
    'one letter short': token.slice(0, -1),
    'one letter long': `${token}A`,
    'half of it': token.slice(0, token.length / 2),
    'its end only, as long as a signature': token.slice(-342),
    'without its first letter': token.slice(1),
    twice: token + token,
    'twice, with a dot between': joined(token, token),
    'with a fourth part': joined(token, signature),
    'with an empty fourth part': joined(token, ''),
    'with five parts, like an encrypted token': joined(head, '', '', body, signature),
    'without its header': joined(body, signature),
    'without its payload': joined(head, signature),
    'with an empty header': joined('', body, signature),
    'with an empty payload': joined(head, '', signature),
    'with header and payload swapped': joined(body, head, signature),
    'with a signature of zeros': joined(head, body, base64url(Buffer.alloc(256))),
    'with a signature of all ones': joined(head, body, base64url(Buffer.alloc(256, 255))),
    'with a signature of one byte': joined(head, body, 'AA'),
    'with a signature of 8,000 letters': joined(head, body, 'A'.repeat(8_000)),
    'with a signature that begins with a zero byte': joined(head, body, base64url(Buffer.concat([Buffer.alloc(1), Buffer.from(signature, 'base64url')]))),
    'in upper case': token.toUpperCase(),
    'in lower case': token.toLowerCase(),
    backwards: [...token].reverse().join(''),
    'with a space before it': ` ${token}`,
    'with a space after it': `${token} `,
    'with a tab after it': `${token}\t`,
    'with a space inside': joined(head, ` ${body}`, signature),
    'with a letter of Latin-1 inside': joined(head, `\xe9${body}`, signature),
    'with its dots escaped': token.replaceAll('.', '%2E'),
    'in escaped quotes': `\\"${token}\\"`,
    'with Bearer in front': `Bearer ${token}`,
    'the word null': 'null',
    'the word undefined': 'undefined',
    'a JSON object': '{}',
    'three dots': '...',
    'the beginning of a token': 'eyJ',
    'the beginning of three parts': 'eyJ.eyJ.eyJ',
    'an endless one': `eyJ${'A'.repeat(12_000)}`,
    'of a thousand parts': 'eyJh.'.repeat(1_000)
  }
}

/** Tokens that are signed with a published key, or with the algorithm that they name. */
function headersAndPayloads (forge: Forge, claims: Claims): Named<string> {
  const { publicKey, privateKey } = forge.goodKey
  const json = JSON.stringify(claims)
  const head = base64url('{"alg":"RS256","kid":"forge"}')
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const withHeader = (header: object | string) => forge.token(header, claims)
  const withPayload = (payload: object | string) => forge.token({}, payload)
  return {
    'alg none in mixed case': forge.token({ alg: 'nOnE' }, claims, nothing),
    'alg none with a signature': withHeader({ alg: 'none' }),
    'alg RS256 without a signature': forge.token({}, claims, nothing),
    'alg left out': withHeader({ alg: undefined }),
    'alg null': withHeader({ alg: null }),
    'alg empty': withHeader({ alg: '' }),
    'alg in lower case': withHeader({ alg: 'rs256' }),
    'alg with a space after it': withHeader({ alg: 'RS256 ' }),
    'alg as a list': withHeader({ alg: ['RS256'] }),
    'alg RS512': forge.token({ alg: 'RS512' }, claims, rs512(privateKey)),
    'alg HS256, the secret being the public key in DER': forge.token({ alg: 'HS256' }, claims, hmac('sha256', spki)),
    'alg HS256, the secret being the JWK': forge.token({ alg: 'HS256' }, claims, hmac('sha256', JSON.stringify(publicKey.export({ format: 'jwk' })))),
    'alg HS256, the secret being empty': forge.token({ alg: 'HS256' }, claims, hmac('sha256', '')),
    'alg HS256, the secret being one that is published': forge.token({ alg: 'HS256', kid: 'secret' }, claims, hmac('sha256', 'a secret that is published')),
    'alg HS512, the secret being the kid': forge.token({ alg: 'HS512' }, claims, hmac('sha512', 'forge')),
    'two alg, the last one none': forge.token('{"alg":"RS256","kid":"forge","alg":"none"}', claims, nothing),
    'crit empty': withHeader({ crit: [] }),
    'crit with a name that is not there': withHeader({ crit: ['exp'] }),
    'crit no list': withHeader({ crit: 'exp', exp: 1 }),
    'crit b64, the payload unencoded': forge.seal(base64url('{"alg":"RS256","kid":"forge","crit":["b64"],"b64":false}'), json.replaceAll('.', '')),
    'crit b64, the payload encoded': withHeader({ crit: ['b64'], b64: true }),
    'typ of a logout token': withHeader({ typ: 'logout+jwt' }),
    'typ of a proof of possession': withHeader({ typ: 'dpop+jwt' }),
    'typ of a logout token as a media type': withHeader({ typ: 'application/logout+jwt' }),
    'typ of an access token with a parameter': withHeader({ typ: 'application/at+jwt; version=1' }),
    'typ of an access token with a space after it': withHeader({ typ: 'at+jwt ' }),
    'typ of an access token as text': withHeader({ typ: 'text/at+jwt' }),
    'typ empty': withHeader({ typ: '' }),
    'typ as a list': withHeader({ typ: ['JWT'] }),
    'jwk, its own key': withHeader({ jwk: publicKey.export({ format: 'jwk' }) }),
    'jku, an address on loopback': withHeader({ jku: 'http://127.0.0.1:1/keys' }),
    'jku, the address of the keys': withHeader({ jku: 'https://login.microsoftonline.com/common/discovery/v2.0/keys' }),
    'x5u, an address on loopback': withHeader({ x5u: 'http://127.0.0.1:1/certificate' }),
    'x5c, a certificate': withHeader({ x5c: [spki.toString('base64')] }),
    'jwk null': withHeader({ jwk: null }),
    'kid of no key': withHeader({ kid: 'nobody' }),
    'kid empty': withHeader({ kid: '' }),
    'kid null': withHeader({ kid: null }),
    'kid as a number': withHeader({ kid: 0 }),
    'kid as a list': withHeader({ kid: ['forge'] }),
    'kid in upper case': withHeader({ kid: 'FORGE' }),
    'kid with a space after it': withHeader({ kid: 'forge ' }),
    'kid with a zero byte after it': withHeader({ kid: 'forge\0' }),
    'kid as a path': withHeader({ kid: '../../../../dev/null' }),
    'kid of a query': withHeader({ kid: "' OR '1'='1" }),
    'kid __proto__': withHeader('{"alg":"RS256","kid":"__proto__"}'),
    'kid of 4,000 letters': withHeader({ kid: 'k'.repeat(4_000) }),
    ...Object.fromEntries(Object.entries(forge.unfitKeys).map(([kid, { privateKey, signer }]) =>
      [`signed with the published key ${kid}`, forge.token({ kid }, claims, signer(privateKey))])),

    'its header no JSON': withHeader('{"alg":"RS256","kid":"forge"'),
    'its header a list': withHeader('["RS256","forge"]'),
    'its header a string': withHeader('"RS256"'),
    'its header null': withHeader('null'),
    'its header after a byte order mark': withHeader('\ufeff{"alg":"RS256","kid":"forge"}'),
    'its header after a space': withHeader(' {"alg":"RS256","kid":"forge"}'),
    'its header not UTF-8': forge.seal(base64url(Buffer.from('{"alg":"RS256","kid":"forge","x":"\xff"}', 'latin1')), base64url(json)),

    'its payload no JSON': withPayload(json.slice(0, -1)),
    'its payload empty': withPayload(''),
    'its payload null': withPayload('null'),
    'its payload a number': withPayload('1'),
    'its payload a string': withPayload(JSON.stringify(json)),
    'its payload a list': withPayload([claims]),
    'its payload an empty object': withPayload({}),
    'its payload two objects': withPayload(json + json),
    'its payload not UTF-8': forge.seal(head, base64url(Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from(',"x":"\xff"}', 'latin1')]))),
    'its payload nested 2,000 deep': withPayload('['.repeat(2_000) + ']'.repeat(2_000)),
    'its claims under __proto__': withPayload(`{"__proto__":${json}}`),
    'its payload signed with unused bits set': forge.seal(head, spelledOtherwise(json)),
    'its payload signed with padding': forge.seal(head, Buffer.from(json.padEnd(Math.ceil(json.length / 3) * 3 + 1)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')),
    'its exp beyond what a number can hold': withPayload(json.replace(/"exp":\d+/, '"exp":1e999')),
    'its second exp in the past': withPayload(`${json.slice(0, -1)},"exp":1}`),
    'its claims long and without a signature': forge.token({}, { ...claims, x: 'x'.repeat(6_000) }, nothing)
  }
}

/** Claims that neither token may have. */
function claimsOfEither (good: Claims, version: TokenVersion, { audience, clientId }: Registration): Named<Claims> {
  const application = version === '1.0' ? 'appid' : 'azp'
  const otherApplication = version === '1.0' ? 'azp' : 'appid'
  const other = version === '1.0'
    ? { iss: `https://login.microsoftonline.com/${good.tid}/v2.0`, aud: clientId, ver: '2.0' }
    : { iss: `https://sts.windows.net/${good.tid}/`, aud: audience, ver: '1.0' }
  const inTenant = (tid: unknown) => ({ tid, iss: String(good.iss).replace(String(good.tid), String(tid)) })
  const seconds = Math.floor(Date.now() / 1000)

  const bad: Named<Claims> = {
    'iss, aud and application of the other version': { ...other, ver: version, [application]: undefined, [otherApplication]: good[application] },
    'iss of the other version': { iss: other.iss },
    'aud of the other version': { aud: other.aud },
    'ver of the other version': { ver: other.ver },
    'the application named as in the other version': { [application]: undefined, [otherApplication]: good[application] },

    'iss without its end': { iss: String(good.iss).replace(/\/(v2\.0)?$/, '') },
    'iss with a path after it': { iss: `${good.iss}/x` },
    'iss with a slash more': { iss: `${good.iss}/` },
    'iss over http': { iss: String(good.iss).replace('https', 'http') },
    'iss of another host': { iss: `https://contoso.example/${good.tid}/` },
    'iss of a host with the right one in its name': { iss: String(good.iss).replace('.net/', '.net.contoso.example/').replace('.com/', '.com.contoso.example/') },
    'iss of a host with the right one as its user': { iss: String(good.iss).replace(/^https:\/\/([^/]+)/, 'https://$1@contoso.example') },
    'iss of a sovereign cloud': { iss: String(good.iss).replace('microsoftonline.com', 'microsoftonline.us').replace('sts.windows.net', 'sts.chinacloudapi.cn') },
    'iss with {tenantid} left in': { iss: String(good.iss).replace(String(good.tid), '{tenantid}') },

    'tid and iss of another tenant': inTenant(OTHER_TENANT),
    'tid common': inTenant('common'),
    'tid {tenantid}': inTenant('{tenantid}'),
    'tid a path to another tenant': inTenant(`${good.tid}/../${OTHER_TENANT}`),
    'tid with a query': inTenant(`${good.tid}?`),
    'tid with a line break': inTenant(`${good.tid}\n`),
    'tid in braces': inTenant(`{${good.tid}}`),
    'tid as a URN': inTenant(`urn:uuid:${good.tid}`),
    'tid without hyphens': inTenant(String(good.tid).replaceAll('-', '')),
    'tid one letter short': inTenant(String(good.tid).slice(0, -1)),
    'tid with a letter that looks like another': inTenant(String(good.tid).replace(/[abc]/, '\u0430')),
    'tid of zeros': inTenant('00000000-0000-0000-0000-000000000000'),
    'tid as a number': inTenant(1),

    'aud with the right one at its beginning': { aud: `${good.aud}/2` },
    'aud with the right one at its end': { aud: `x${good.aud}` },
    'aud a list with the right one and another': { aud: [good.aud, 'api://contoso.example'] },
    'aud a list with the right one twice': { aud: [good.aud, good.aud] },
    'aud a token': { aud: 'eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2lnbmF0dXJl' },
    'aud of 4,000 letters': { aud: 'a'.repeat(4_000) },
    'aud with escapes for a terminal': { aud: '\u001b[2J\r\n{"level":60}' },

    "the application is the workload's own": { [application]: clientId },
    'the application is a list of both of Fabric\'s': { [application]: [good[application], FABRIC_CLIENT_FOR_WORKLOADS] },
    'the application begins as Fabric\'s': { [application]: `${good[application]}0` },

    'exp a minute and a second ago': { exp: seconds - 61 },
    'exp a day ago': { exp: seconds - 86_400 },
    'exp zero': { exp: 0 },
    'exp negative': { exp: -1 },
    'exp a hundred years ago, negatively': { exp: -3_155_760_000 },
    'exp a minute and half a second ago': { exp: seconds - 60.5 },
    'exp in milliseconds beyond any date': { exp: (seconds + 3600) * 1e6 },
    'exp the greatest integer': { exp: Number.MAX_SAFE_INTEGER },
    'exp the greatest number': { exp: Number.MAX_VALUE },
    'nbf in an hour': { nbf: seconds + 3600 },
    'nbf long after exp': { nbf: Number(good.exp) + 86_400 },
    'nbf in an hour and half a second': { nbf: seconds + 3600.5 },
    'nbf beyond any date, negatively': { nbf: -Number.MAX_VALUE }
  }
  for (const claim of ['ver', 'iss', 'aud', 'tid', application, 'oid', 'nbf', 'exp']) {
    for (const [form, value] of Object.entries(otherForms(good[claim]))) bad[`${claim} ${form}`] = { [claim]: value }
  }
  return mapped(bad, (changes) => ({ ...good, ...changes }))
}

/** Variations of a value that a careless comparison accepts: types, letters and spaces. */
function otherForms (value: unknown): Named<unknown> {
  const forms = {
    missing: undefined,
    null: null,
    'true instead': true,
    'in a list': [value],
    'in an object': { value },
    'in an empty list': [],
    empty: '',
    'with a space before it': ` ${value}`,
    'with a space after it': `${value} `,
    'with a zero byte after it': `${value}\0`,
    ...(typeof value === 'number' ? { 'as a string': String(value) } : { 'as a number': Number.parseInt(String(value)) || 1 })
  }
  // UUIDs are compared without regard to case.
  return isCaseSensitive(value) ? { ...forms, 'in upper case': value.toUpperCase() } : forms
}

function isCaseSensitive (value: unknown): value is string {
  return typeof value === 'string' && value !== value.toUpperCase() && !/^[\da-f-]{36}$/.test(value)
}

const claimsOfApps: Named<Claims> = {
  ...prefixed('idtyp', otherForms('app')),
  'idtyp user': { idtyp: 'user' },
  'idtyp device': { idtyp: 'device' },
  'idtyp with app at its beginning': { idtyp: 'application' },
  'scp present': { scp: 'FabricWorkloadControl' },
  'scp present but empty': { scp: '' },
  'scp present but null': { scp: null },
  'scp present but an empty list': { scp: [] }
}

const claimsOfSubjects: Named<Claims> = {
  'idtyp app': { idtyp: 'app' },
  'idtyp user': { idtyp: 'user' },
  'idtyp present but empty': { idtyp: '' },
  'idtyp present but null': { idtyp: null },
  'idtyp present but an empty list': { idtyp: [] },
  'scp null': { scp: null },
  'scp a number': { scp: 1 },
  'scp true': { scp: true },
  'scp a list with the right one': { scp: ['FabricWorkloadControl'] },
  'scp an object with the right one': { scp: { FabricWorkloadControl: true } },
  'appid of Fabric, but not the app token\'s': { appid: FABRIC_CLIENT_FOR_WORKLOADS }
}

/** Insufficient scopes. */
const scopes: Named<string | undefined> = {
  'scp missing': undefined,
  'scp empty': '',
  'scp another': 'Item.Read.All',
  'scp with the right one at its end': 'NotFabricWorkloadControl',
  'scp with the right one at its beginning': 'FabricWorkloadControl.Read',
  'scp with the right one between hyphens': 'a-FabricWorkloadControl-b',
  'scp with the right one in two words': 'Fabric WorkloadControl',
  'scp in lower case': 'fabricworkloadcontrol',
  'scp in upper case': 'FABRICWORKLOADCONTROL',
  'scp separated by commas': 'FabricWorkloadControl,Item.Read.All',
  'scp separated by tabs': 'Item.Read.All\tFabricWorkloadControl',
  'scp separated by line breaks': 'Item.Read.All\nFabricWorkloadControl',
  'scp with the right one in quotes': '"FabricWorkloadControl"',
  'scp with a letter that looks like another': 'F\u0430bricWorkloadControl'
}

/** Pairs of tokens that are each valid, but do not match. */
async function pairs ({ forge: { fabric }, good, app, subject }: Loot): Promise<Named<Record<string, string>>> {
  const [appHead, appBody, appSignature] = app.split('.')
  const [subjectHead, subjectBody, subjectSignature] = subject.split('.')
  const pair = (tokens: { app?: string, subject?: string }) =>
    ({ ...good, authorization: authorizationOf({ app, subject, ...tokens }) })
  const inOtherTenant = await fabric.headers({ appToken: app, tenantId: OTHER_TENANT })
  const byOtherApplication = { claims: { appid: FABRIC_CLIENT_FOR_WORKLOADS } }
  const bothBy = (version: TokenVersion, application: unknown) => {
    const token = { version, claims: { [version === '1.0' ? 'appid' : 'azp']: application } }
    return fabric.headers({ appToken: token, subjectToken: token })
  }
  return {
    'both tokens of an unknown application': await bothBy('1.0', OTHER_TENANT),
    'both tokens of an unknown application, v2.0': await bothBy('2.0', OTHER_TENANT),
    "both tokens of the workload's own application": await bothBy('1.0', fabric.registration.clientId),
    'both tokens of no application': await bothBy('1.0', undefined),
    'both tokens of no application, v2.0': await bothBy('2.0', undefined),
    'both tokens of an application without a name': await bothBy('1.0', ''),
    'the accepted tokens swapped': pair({ app: subject, subject: app }),
    'the accepted app token twice': pair({ subject: app }),
    'the accepted subject token twice': pair({ app: subject }),
    "the app token's signature on the subject token": pair({ subject: [subjectHead, subjectBody, appSignature].join('.') }),
    "the subject token's signature on the app token": pair({ app: [appHead, appBody, subjectSignature].join('.') }),
    "the subject token's claims with the app token's signature, as app token": pair({ app: [appHead, subjectBody, appSignature].join('.') }),
    'the accepted subject token for another tenant': { ...good, 'x-ms-client-tenant-id': OTHER_TENANT },
    "the accepted subject token for the publisher's tenant": { ...good, 'x-ms-client-tenant-id': fabric.registration.publisherTenantId },
    'a subject token of another tenant for this one': { ...inOtherTenant, 'x-ms-client-tenant-id': good['x-ms-client-tenant-id'] },
    "an app token of the user's tenant": await fabric.headers({ subjectToken: subject, appToken: { tenantId: fabric.registration.tenantId } }),
    "a subject token of the publisher's tenant": await fabric.headers({ appToken: app, subjectToken: { tenantId: fabric.registration.publisherTenantId } }),
    'an app token of another application of Fabric': await fabric.headers({ subjectToken: subject, appToken: byOtherApplication }),
    'a subject token of another application of Fabric': await fabric.headers({ appToken: app, subjectToken: byOtherApplication }),
    'a subject token of another application of Fabric, v2.0': await fabric.headers({
      appToken: app, subjectToken: { version: '2.0', claims: { azp: FABRIC_CLIENT_FOR_WORKLOADS } }
    }),
    'no app token, but a user': pair({ app: '' }),
    'neither of the tokens': pair({ app: '', subject: '' }),
    'the subject token as app token, and no user': pair({ app: subject, subject: '' })
  }
}

/** Authorization headers with valid tokens and a malformed format. */
function authorizations ({ good: { authorization }, app, subject }: Loot): Named<string> {
  const scheme = 'SubjectAndAppToken1.0'
  const [subjectParameter, appParameter] = [`subjectToken="${subject}"`, `appToken="${app}"`]
  return {
    empty: '',
    'the scheme alone': scheme,
    'no scheme': authorization.slice(scheme.length + 1),
    'the scheme in upper case': authorization.replace(scheme, scheme.toUpperCase()),
    'the scheme in lower case': authorization.replace(scheme, scheme.toLowerCase()),
    'the scheme without its version': authorization.replace(scheme, 'SubjectAndAppToken'),
    'the scheme with another dot': authorization.replace(scheme, 'SubjectAndAppToken1x0'),
    'the scheme of version 1.00': authorization.replace(scheme, 'SubjectAndAppToken1.00'),
    'the scheme twice': `${scheme} ${authorization}`,
    'Bearer in front': `Bearer ${authorization}`,
    'Bearer instead': authorization.replace(scheme, 'Bearer'),
    'Bearer and the app token': `Bearer ${app}`,
    'Basic and the pair': `Basic ${Buffer.from(authorization).toString('base64')}`,
    'no space after the scheme': authorization.replace(' ', ''),
    'two spaces after the scheme': authorization.replace(' ', '  '),
    'a tab after the scheme': authorization.replace(' ', '\t'),
    'a colon after the scheme': authorization.replace(' ', ': '),
    'a comma after the scheme': authorization.replace(' ', ', '),
    'a space before =': authorization.replace('subjectToken=', 'subjectToken ='),
    'a space after =': authorization.replace('appToken=', 'appToken= '),
    'two spaces after the comma': authorization.replace(', ', ',  '),
    'no space after the comma': authorization.replace(', ', ','),
    'a space before the comma': authorization.replace(', ', ' , '),
    'a tab after the comma': authorization.replace(', ', ',\t'),
    'no comma': authorization.replace(', ', ' '),
    'a semicolon instead of the comma': authorization.replace(', ', '; '),
    'two commas': authorization.replace(', ', ',, '),
    'a comma at the end': `${authorization},`,
    'a word at the end': `${authorization} x`,
    'a quote at the end': `${authorization}"`,
    'a parameter before': `${scheme} realm="", ${subjectParameter}, ${appParameter}`,
    'a parameter between': `${scheme} ${subjectParameter}, realm="", ${appParameter}`,
    'a parameter at the end': `${authorization}, realm=""`,
    'the app token first': `${scheme} ${appParameter}, ${subjectParameter}`,
    'the app token twice': `${authorization}, ${appParameter}`,
    'the subject token twice': `${scheme} ${subjectParameter}, ${subjectParameter}, ${appParameter}`,
    'an empty subject token before the good one': `${scheme} subjectToken="", ${subjectParameter}, ${appParameter}`,
    'the app token alone': `${scheme} ${appParameter}`,
    'the subject token alone': `${scheme} ${subjectParameter}`,
    'a subject token of a space': `${scheme} subjectToken=" ", ${appParameter}`,
    'the parameter names in lower case': authorization.replace('subjectToken', 'subjecttoken').replace('appToken', 'apptoken'),
    'the parameter names in capitals': authorization.replace('subjectToken', 'SubjectToken').replace('appToken', 'AppToken'),
    'the parameter names in the encoding of RFC 8187': authorization.replace('appToken="', "appToken*=\"UTF-8''"),
    'no quotes': authorization.replaceAll('"', ''),
    'no quotes around the subject token': authorization.replace(subjectParameter, subjectParameter.replaceAll('"', '')),
    'no quotes around the app token': authorization.replace(appParameter, appParameter.replaceAll('"', '')),
    'no quote at the end': authorization.slice(0, -1),
    'a letter instead of the last quote': `${authorization.slice(0, -1)}x`,
    'a single quote instead of the last one': `${authorization.slice(0, -1)}'`,
    'single quotes': authorization.replaceAll('"', "'"),
    'curly quotes': Buffer.from(authorization.replaceAll('"', '\u201d')).toString('latin1'),
    'quotes that are escaped': authorization.replaceAll('"', '\\"'),
    'quotes that are encoded': authorization.replaceAll('"', '%22'),
    'a no-break space after the scheme': authorization.replace(' ', '\xa0'),
    'the pair twice, joined as Node would': `${authorization}, ${authorization}`,
    'a bearer token, joined before': `Bearer ${app}, ${authorization}`,
    'in brackets': `[${authorization}]`,
    '15,000 quotes': `${scheme} ${'"'.repeat(15_000)}`,
    '1,000 parameters': `${scheme} ${'subjectToken="", '.repeat(800)}${'appToken=""'}`
  }
}

/** Values of x-ms-client-tenant-id that are not a tenant. */
function tenants ({ 'x-ms-client-tenant-id': tenant }: FabricHeaders): Named<string> {
  return {
    empty: '',
    'the name of a tenant': 'contoso.example',
    common: 'common',
    null: 'null',
    'in braces': `{${tenant}}`,
    'as a URN': `urn:uuid:${tenant}`,
    'in quotes': `"${tenant}"`,
    'without hyphens': tenant.replaceAll('-', ''),
    'one letter short': tenant.slice(0, -1),
    'one letter long': `${tenant}0`,
    'with a space inside': tenant.replace('-', ' '),
    'twice, joined': `${tenant}, ${tenant}`,
    'two tenants, joined': `${tenant}, ${OTHER_TENANT}`,
    'of 8,000 letters': 'x'.repeat(8_000)
  }
}

/** Header lines that Node accepts. */
function headerLines ({ good, subject }: Loot): Named<string[]> {
  const { authorization, 'x-ms-client-tenant-id': tenant, ...ids } = good
  const [credentials, tenantLine, others] = [`Authorization: ${authorization}`, `x-ms-client-tenant-id: ${tenant}`, lines(ids)]
  const all = [credentials, tenantLine, ...others]
  return {
    'none at all': [],
    'no Authorization': [tenantLine, ...others],
    'no x-ms-client-tenant-id': [credentials, ...others],
    'no x-ms-client-tenant-id, and no user': [credentials.replace(subject, ''), ...others],
    'Authorization twice, the same': [credentials, ...all],
    'Authorization twice, first a bad one': ['Authorization: Bearer x', ...all],
    'Authorization twice, then a bad one': [...all, 'Authorization: Bearer x'],
    'Authorization twice, first an empty one': ['Authorization:', ...all],
    'Authorization twice, in different case': [...all, credentials.replace('Authorization', 'AUTHORIZATION')],
    'Authorization three times': [credentials, credentials, ...all],
    'Authorization in two halves': [credentials.split(', ')[0] ?? '', `Authorization: ${authorization.split(', ')[1]}`, tenantLine],
    'x-ms-client-tenant-id twice, the same': [tenantLine, ...all],
    'x-ms-client-tenant-id twice, first another': [`x-ms-client-tenant-id: ${OTHER_TENANT}`, ...all],
    'x-ms-client-tenant-id twice, then another': [...all, `X-MS-Client-Tenant-Id: ${OTHER_TENANT}`],
    'x-ms-client-tenant-id with underscores': [credentials, `x_ms_client_tenant_id: ${tenant}`],
    'Proxy-Authorization instead': [`Proxy-${credentials}`, tenantLine],
    'X-Authorization instead': [`X-${credentials}`, tenantLine],
    'X-Forwarded-Authorization instead': [`X-Forwarded-${credentials}`, tenantLine],
    'a cookie instead': [`Cookie: Authorization=${encodeURIComponent(authorization)}`, tenantLine],
    'a user that a proxy would have found': ['X-MS-CLIENT-PRINCIPAL-ID: fabric', 'X-MS-CLIENT-PRINCIPAL: e30=', tenantLine],
    'the address of a trusted network': ['X-Forwarded-For: 127.0.0.1', 'Forwarded: for=127.0.0.1', tenantLine],
    'a token for ActivityId and RequestId': [`ActivityId: ${subject}`, `RequestId: ${subject}`, tenantLine],
    'a token for x-ms-client-tenant-id': [credentials, `x-ms-client-tenant-id: ${subject}`]
  }
}

/** Header lines that Node refuses, so that they do not reach the plugin. */
function malformedLines (good: FabricHeaders) {
  const { authorization } = good
  const others = lines(good).slice(1)
  return {
    'a zero byte in the token': [`Authorization: ${authorization.replace('.', '\0.')}`, ...others],
    'a control character in the token': [`Authorization: ${authorization.replace('.', '\x01.')}`, ...others],
    'a delete character in the token': [`Authorization: ${authorization.replace('.', '\x7f.')}`, ...others],
    'a carriage return in the token': [`Authorization: ${authorization.replace('.', '\r.')}`, ...others],
    'a line feed in the token': [`Authorization: ${authorization.replace('.', '\n.')}`, ...others],
    'a header folded over two lines': [`Authorization: ${authorization.replace(', ', ',\r\n ')}`, ...others],
    spaceBeforeColon: [`Authorization : ${authorization}`, ...others],
    'a space before the name': [` Authorization: ${authorization}`, ...others],
    'no colon': [`Authorization ${authorization}`, ...others]
  }
}

/** Other requests to the same route; none with a token in the URL, because Fastify logs it. */
function requests ({ target, good }: Loot): Named<string> {
  const { authorization, ...unauthorized } = good
  const others = lines(unauthorized)
  return {
    HEAD: requestText(target, others, 'HEAD'),
    'parameters that break their schema': requestText(target.replaceAll('-', ''), others),
    'an absolute target': requestText(`http://localhost${target}`, others),
    'the tokens in the body': requestText(target, [...others, `Content-Length: ${authorization.length}`]) + authorization,
    'another version': requestText(target, [...others, 'Accept-Version: 2.x']),
    'another method in a header': requestText(target, [...others, 'X-HTTP-Method-Override: OPTIONS'])
  }
}

function authorizationOf ({ app, subject }: { app: string, subject: string }): string {
  return `SubjectAndAppToken1.0 subjectToken="${subject}", appToken="${app}"`
}

function lines (headers: Record<string, string>): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
}

function mapped<T, U> (things: Named<T>, change: (thing: T) => U): Named<U> {
  return Object.fromEntries(Object.entries(things).map(([name, thing]) => [name, change(thing)]))
}

function prefixed (claim: string, forms: Named<unknown>): Named<Claims> {
  return Object.fromEntries(Object.entries(forms).map(([form, value]) => [`${claim} ${form}`, { [claim]: value }]))
}

/** A character of base64url with the same used bits and other unused bits. */
function withUnusedBits (letter: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return letters[letters.indexOf(letter) + 1] ?? ''
}

/** JSON in base64url whose last character has unused bits set. */
function spelledOtherwise (json: string): string {
  const encoded = base64url(json.padEnd(Math.ceil(json.length / 3) * 3 + 1))
  return encoded.slice(0, -1) + withUnusedBits(encoded.slice(-1))
}
