import Fastify from 'fastify'
import type { JSONWebKeySet } from 'jose'
import t from 'tap'

import type { InternalAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { subjectAndApp } from '../../lib/subject-and-app/plugin.js'
import { clock, jwksFetch } from '../../lib/subject-and-app/signing-keys.js'
import { createFabric, type Fabric, type HeadersOptions, type Registration } from '../../lib/testing/index.js'

// Common mistakes in the configuration: the log line must name what to change.

const seconds = Math.floor(Date.now() / 1000)
const customer = 'b35d81f7-0e6c-4a92-b7d8-2c41e9f5036a'
const publisher = '1c9f6a3e-58d4-4b07-9a2e-6f0d7b815c42'
const clientId = '7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c'
const stranger = '3fa85f64-5717-4562-b3fc-2c963f66afa6'
const uri = `api://localdevinstance/${publisher}/Contoso.SurveyJobs/1`
const publicKeys = 'https://login.microsoftonline.com/common/discovery/v2.0/keys'
const china = { authority: 'https://login.partner.microsoftonline.cn', issuerV1: 'https://sts.chinacloudapi.cn' }
const usGovernment = { authority: 'https://login.microsoftonline.us' }

interface Mistake {
  /** The options that differ from the correct ones. */
  options?: Partial<InternalAuthenticationOptions>
  /** The cloud that issues the tokens. */
  cloud?: Partial<Registration>
  /** Differences of the tokens from valid ones. */
  call?: HeadersOptions
  /** The response of `jwksUri`, if it differs from the correct one. */
  keys?: (right: JSONWebKeySet) => JSONWebKeySet | Response
  status?: 403 | 503
  /** The line of the log. */
  line: Record<string, unknown>
}

const bindTo = (issuer: string) => ({ keys }: JSONWebKeySet) => ({ keys: keys.map((key) => ({ ...key, issuer })) })
const withClaims = (claims: Record<string, unknown>, version: '1.0' | '2.0' = '1.0'): HeadersOptions =>
  ({ version, appToken: { claims }, subjectToken: { claims } })

const mistakes: Record<string, Mistake> = {
  'audience is the Application ID URI of another environment': {
    options: { audience: uri.replace('/1', '/2') },
    line: { token: 'app', claim: 'aud', expected: uri.replace('/1', '/2'), received: uri, option: 'audience' }
  },
  'audience lacks the client ID of v1.0 tokens': {
    call: withClaims({ aud: clientId }),
    line: { token: 'app', claim: 'aud', expected: uri, received: clientId, option: 'audience', hint: /\[Application ID URI, client id\]/ }
  },
  'clientId is the object id of the application': {
    options: { clientId: stranger },
    call: { version: '2.0' },
    line: { token: 'app', claim: 'aud', expected: stranger, received: clientId, option: 'clientId' }
  },
  "publisherTenantId is the customer's tenant": {
    options: { publisherTenantId: customer },
    line: { token: 'app', claim: 'tid', expected: customer, received: publisher, option: 'publisherTenantId' }
  },
  'authority is an alias of the public cloud, and tokens are v1.0': {
    options: { authority: 'https://login.windows.net', jwksUri: publicKeys },
    line: {
      reason: 'the key of this kid signs for another issuer',
      token: 'app',
      expected: `https://login.windows.net/${publisher}/v2.0`,
      received: 'https://login.microsoftonline.com/{tenantid}/v2.0',
      option: 'authority',
      jwksUri: publicKeys
    }
  },
  'authority is an alias of the public cloud, and tokens are v2.0': {
    options: { authority: 'https://login.microsoft.com' },
    call: { version: '2.0' },
    line: {
      token: 'app', claim: 'iss', expected: `https://login.microsoft.com/${publisher}/v2.0`, received: `https://login.microsoftonline.com/${publisher}/v2.0`, option: 'authority'
    }
  },
  "authority is an alias of China's cloud": {
    options: { ...china, authority: 'https://login.chinacloudapi.cn' },
    cloud: china,
    line: {
      reason: 'the key of this kid signs for another issuer',
      expected: `https://login.chinacloudapi.cn/${publisher}/v2.0`,
      received: 'https://login.partner.microsoftonline.cn/{tenantid}/v2.0',
      option: 'authority'
    }
  },
  "issuerV1 is left out in China's cloud": {
    options: { authority: china.authority },
    cloud: china,
    line: {
      token: 'app', claim: 'iss', expected: `https://sts.windows.net/${publisher}/`, received: `https://sts.chinacloudapi.cn/${publisher}/`, option: 'issuerV1'
    }
  },
  'jwksUri is that of US Government, authority that of the public cloud': {
    options: { jwksUri: `${usGovernment.authority}/common/discovery/v2.0/keys`, authority: 'https://login.microsoftonline.com' },
    cloud: usGovernment,
    line: {
      reason: 'the key of this kid signs for another issuer',
      expected: `https://login.microsoftonline.com/${publisher}/v2.0`,
      received: `${usGovernment.authority}/{tenantid}/v2.0`,
      option: 'authority',
      jwksUri: `${usGovernment.authority}/common/discovery/v2.0/keys`
    }
  },
  "jwksUri is that of the publisher's tenant, and a customer calls": {
    options: { jwksUri: `https://login.microsoftonline.com/${publisher}/discovery/v2.0/keys` },
    keys: bindTo(`https://login.microsoftonline.com/${publisher}/v2.0`),
    line: {
      reason: 'the key of this kid signs for another issuer',
      token: 'subject',
      expected: `https://login.microsoftonline.com/${customer}/v2.0`,
      received: `https://login.microsoftonline.com/${publisher}/v2.0`,
      option: 'jwksUri',
      jwksUri: `https://login.microsoftonline.com/${publisher}/discovery/v2.0/keys`,
      hint: /all tenants/
    }
  },
  'the application has its own signing key, and jwksUri lacks ?appid=': {
    call: { appToken: { header: { kid: 'q-23falevZhhD3hm9CQbkP5MQyU' } } },
    line: {
      reason: 'no published key has this kid', token: 'app', kid: 'q-23falevZhhD3hm9CQbkP5MQyU', option: 'jwksUri', jwksUri: publicKeys, hint: /\?appid=/
    }
  },
  'fabricAppIds lacks the application that calls': {
    options: { fabricAppIds: [stranger] },
    line: { token: 'app', claim: 'appid', expected: stranger, received: '00000009-0000-0000-c000-000000000000', option: 'fabricAppIds' }
  },
  'the app registration lacks the optional claim idtyp': {
    call: { appToken: { claims: { idtyp: undefined } } },
    line: { token: 'app', claim: 'idtyp', expected: 'app', received: '(absent)', hint: /optional claim idtyp for access tokens/ }
  },
  'the app registration has idtyp for users too': {
    call: { subjectToken: { claims: { idtyp: 'user' } } },
    line: { token: 'subject', claim: 'idtyp', expected: '(absent)', received: 'user', hint: /remove .* include_user_token/ }
  },
  'a user token is sent as the app token': {
    call: { appToken: { claims: { idtyp: undefined, scp: 'FabricWorkloadControl' } } },
    line: { token: 'app', claim: 'idtyp', expected: 'app', received: '(absent)', hint: /token of a user/ }
  },
  'the app registration does not expose the scope to Fabric': {
    call: { subjectToken: { claims: { scp: 'SurveyJobs.Read' } } },
    status: 403,
    line: { token: 'subject', claim: 'scp', expected: 'FabricWorkloadControl', received: 'SurveyJobs.Read', option: 'requiredScope', hint: /Expose an API/ }
  },
  'the clock of the server is ten minutes slow': {
    options: { [clock]: () => (seconds - 600) * 1000 },
    call: withClaims({ nbf: seconds - 30 }),
    line: {
      reason: 'the token is not valid yet', token: 'app', claim: 'nbf', expected: 'in 60 seconds at most', received: 'in 570 seconds', option: 'clockTolerance', hint: /clock/
    }
  },
  'the clock of the server is a day fast': {
    options: { clockTolerance: 30, [clock]: () => (seconds + 86_400) * 1000 },
    call: withClaims({ exp: seconds + 4_000 }),
    line: {
      reason: 'the token has expired', token: 'app', claim: 'exp', expected: 'less than 30 seconds ago', received: '82400 seconds ago', option: 'clockTolerance', hint: /clock/
    }
  },
  'the key endpoint redirects to a sign-in page': {
    keys: () => new Response('', { status: 302, headers: { location: 'https://signin.contoso.example/?secret' } }),
    status: 503,
    line: {
      msg: 'SubjectAndApp signing keys could not be retrieved', err: { message: /302 with a redirect to signin\.contoso\.example/ }, jwksUri: publicKeys
    }
  },
  'the path of jwksUri has a typo': {
    options: { jwksUri: 'https://login.microsoftonline.com/common/discovery/v2.0/key' },
    keys: () => new Response('', { status: 404 }),
    status: 503,
    line: {
      msg: 'SubjectAndApp signing keys could not be retrieved', err: { message: /answered 404/ }, jwksUri: 'https://login.microsoftonline.com/common/discovery/v2.0/key'
    }
  }
}

/** One simulated Fabric for each cloud, because generating keys is slow. */
const fabrics = new Map<string, Fabric>()

function fabricOf (cloud: Partial<Registration> = {}): Fabric {
  const name = JSON.stringify(cloud)
  const fabric = fabrics.get(name) ?? createFabric({ publisherTenantId: publisher, audience: uri, clientId, tenantId: customer, ...cloud })
  fabrics.set(name, fabric)
  return fabric
}

const refusals = new Set<string>()

for (const [name, { options, cloud, call, keys = (right: JSONWebKeySet) => right, status = 401, line }] of Object.entries(mistakes)) {
  t.test(`the log names what to change when ${name}`, async (t) => {
    const fabric = fabricOf(cloud)
    const log: Array<Record<string, unknown>> = []
    const app = Fastify({ logger: { level: 'trace', stream: { write: (line) => { log.push(JSON.parse(line)) } } } })
    t.teardown(() => app.close())
    const right = await fabric.jwks()
    const fetchKeys = async () => {
      const answer = keys(right)
      return answer instanceof Response ? answer : Response.json(answer)
    }
    const authentication: InternalAuthenticationOptions = { publisherTenantId: publisher, audience: uri, clientId, [jwksFetch]: fetchKeys, ...options }
    await app.register(subjectAndApp, authentication)
    app.get('/', { onRequest: app.authenticateSubjectAndApp }, async () => t.fail('the request passed the hook'))

    const headers = await fabric.headers(call)
    const { statusCode, headers: { date, ...answered }, body } = await app.inject({ url: '/', headers })
    t.equal(statusCode, status)
    if (statusCode === 401) refusals.add(JSON.stringify([answered, body]))
    const found = log.find(({ msg }) => msg === (line.msg ?? 'SubjectAndApp authentication refused'))
    t.match(found, line)
    const { option, hint, jwksUri } = found ?? {}
    t.ok(option ?? hint ?? jwksUri, 'the log names an option, a hint or the address of the keys')
    t.notMatch(JSON.stringify(log), /(?<![\w-])eyJ[\w-]{10}|secret/)
  })
}

t.test('every refused caller receives the same bytes, whatever the reason', async (t) => {
  t.equal(refusals.size, 1)
})
