import t from 'tap'

import {
  appClaims, clientTenantId, fabricAppId, headers, makeKey, otherFabricAppId, publisherTenantId, serve, subjectClaims, today
} from './fabric.js'
import type { Claims, Version } from './fabric.js'

const key = await makeKey('one')
const server = serve({ keys: () => Response.json({ keys: [key.jwk] }) })
t.teardown(() => server.app.close())

/** Sends a pair of tokens with these claims, and returns the status and the logged refusal. */
async function poll (app: Claims, subject?: Claims): Promise<{ status: number, refusal: Claims | undefined }> {
  const [appToken, subjectToken] = await Promise.all([key.sign(app), subject && key.sign(subject)])
  const from = server.log.length
  const { statusCode } = await server.app.inject({ url: '/caller', headers: headers(appToken, subjectToken) })
  return { status: statusCode, refusal: server.log.slice(from).find(({ msg }) => msg === 'SubjectAndApp authentication refused') }
}

const upper = (uuid: string) => uuid.toUpperCase()
const stranger = '99999999-0000-4000-8000-000000000009'

for (const version of ['1.0', '2.0'] as const) {
  const application = version === '1.0' ? 'appid' : 'azp'
  const other = version === '1.0' ? 'azp' : 'appid'
  const seconds = today / 1000

  t.test(`v${version} tokens with every allowed variation of their claims are accepted`, async (t) => {
    const accepted: Array<[name: string, app: Claims, subject?: Claims]> = [
      ['a user', appClaims(version), subjectClaims(version)],
      ['no user', appClaims(version)],
      ['Fabric\'s other application', appClaims(version, { [application]: otherFabricAppId }), subjectClaims(version, { [application]: otherFabricAppId })],
      ['the application in upper case in one of them',
        appClaims(version, { [application]: upper(otherFabricAppId) }), subjectClaims(version, { [application]: otherFabricAppId })],
      ['the scope among others', appClaims(version), subjectClaims(version, { scp: 'A FabricWorkloadControl B' })],
      ['any value in the other version\'s application claim', appClaims(version, { [other]: stranger })],
      ['times with fractions of a second', appClaims(version, { nbf: seconds + 0.25, exp: seconds + 0.75 }), subjectClaims(version, { nbf: seconds - 0.5, exp: seconds - 59.5 })],
      ['the edge of the clock tolerance', appClaims(version, { nbf: seconds + 60, exp: seconds - 59 })]
    ]
    for (const [name, app, subject] of accepted) t.equal((await poll(app, subject)).status, 200, name)
  })

  t.test(`v${version} tokens may have a tid in upper case, with the same spelling in iss`, async (t) => {
    const tid = upper(publisherTenantId)
    const iss = version === '1.0' ? `https://sts.windows.net/${tid}/` : `https://login.microsoftonline.com/${tid}/v2.0`
    t.equal((await poll(appClaims(version, { tid, iss }))).status, 200)
    t.equal((await poll(appClaims(version, { tid }))).status, 401)
  })

  const wrongTypes = [undefined, null, 1, true, {}, ''] as const
  const asIs: Claims = appClaims(version)
  /** The claims of both tokens, with invalid values. The test adds the valid value in an array. */
  const both: Record<string, readonly unknown[]> = {
    ver: [...wrongTypes, version === '1.0' ? '2.0' : '1.0', '1', '3.0', ` ${version}`],
    tid: [...wrongTypes, 'common', stranger, `${publisherTenantId}/`, `../${publisherTenantId}`, ` ${publisherTenantId}`],
    iss: [...wrongTypes, `${asIs.iss}/`, `${asIs.iss}`.slice(0, -1), upper(`${asIs.iss}`), `https://a.example/${publisherTenantId}/v2.0`,
      `https://sts.windows.net/${stranger}/`, `https://login.microsoftonline.com/${stranger}/v2.0`],
    aud: [...wrongTypes, `${asIs.aud} `, `${asIs.aud}/`, stranger, 'api://other'],
    [application]: [...wrongTypes, stranger, `${fabricAppId} `],
    oid: [...wrongTypes, 'someone'],
    nbf: [undefined, null, true, {}, '', `${seconds}`, 1e300, seconds + 60.5, seconds + 61],
    exp: [...wrongTypes, `${seconds + 60}`, 1e300, 8.64e12 + 1, -1, seconds - 60, seconds - 60.5]
  }
  const rules: Array<[kind: 'app' | 'subject', Record<string, readonly unknown[]>, Claims]> = [
    ['app', { ...both, idtyp: [...wrongTypes, 'App', 'user', 'app '], scp: [null, 1, '', 'FabricWorkloadControl', []] }, asIs],
    ['subject', { ...both, idtyp: ['app', 'user', null, '', 1, []], scp: [null, 1, {}, ['FabricWorkloadControl']] }, subjectClaims(version)]
  ]
  for (const [kind, table, right] of rules) {
    t.test(`v${version} tokens are refused for any invalid claim of the ${kind} token`, async (t) => {
      for (const [claim, values] of Object.entries(table)) {
        for (const value of right[claim] === undefined ? values : [...values, [right[claim]]]) {
          const { status, refusal } = kind === 'app'
            ? await poll(appClaims(version, { [claim]: value }), subjectClaims(version))
            : await poll(appClaims(version), subjectClaims(version, { [claim]: value }))
          const name = `${claim} ${JSON.stringify(value)}`
          t.equal(status, 401, name)
          // A wrong version or tenant is first noticed in the issuer.
          const logged = claim === 'ver' && (value === '1.0' || value === '2.0') ? 'iss' : claim === 'tid' && value === stranger ? 'iss' : claim
          t.match(refusal, { token: kind, claim: logged, reason: String }, `${name}: logged`)
        }
      }
    })
  }
}

t.test('the two tokens may have different versions, as after a change of the app registration', async (t) => {
  t.equal((await poll(appClaims('1.0'), subjectClaims('2.0'))).status, 200)
  t.equal((await poll(appClaims('2.0'), subjectClaims('1.0'))).status, 200)
})

t.test('the v2.0 audience is compared without regard to case, the v1.0 audience exactly', async (t) => {
  const { aud: v1 } = appClaims('1.0')
  const { aud: v2 } = appClaims('2.0')
  t.equal((await poll(appClaims('2.0', { aud: String(v2).replaceAll('c', 'C') }))).status, 200)
  t.equal((await poll(appClaims('1.0', { aud: String(v1).toLowerCase() }))).status, 401)
})

t.test('a token of one version with the claims of the other is refused', async (t) => {
  for (const [version, from] of [['1.0', '2.0'], ['2.0', '1.0']] as Array<[Version, Version]>) {
    const { aud, iss, appid, azp } = appClaims(from)
    t.match(await poll(appClaims(version, { aud })), { status: 401, refusal: { claim: 'aud' } })
    t.match(await poll(appClaims(version, { iss })), { status: 401, refusal: { claim: 'iss' } })
    t.match(await poll(appClaims(version, { appid, azp })), { status: 401, refusal: { claim: version === '1.0' ? 'appid' : 'azp' } })
  }
})

t.test('an app token is not accepted as the subject token, nor a subject token as the app token', async (t) => {
  t.match(await poll(subjectClaims('1.0'), appClaims('1.0')), { status: 401, refusal: { token: 'app', claim: 'idtyp', expected: 'app', received: '(absent)' } })
  t.match(await poll(appClaims('1.0'), appClaims('1.0')), { status: 401, refusal: { token: 'subject', claim: 'idtyp', expected: '(absent)', received: 'app' } })
  t.match(await poll(subjectClaims('1.0'), subjectClaims('1.0')), { status: 401, refusal: { token: 'app', claim: 'idtyp' } })
})

t.test('the app token must be from the publisher\'s tenant, the subject token from the tenant in the header', async (t) => {
  const inTenant = (tid: string) => ({ tid, iss: `https://sts.windows.net/${tid}/` })
  t.match(await poll(appClaims('1.0', inTenant(clientTenantId)), subjectClaims('1.0')), {
    status: 401,
    refusal: { token: 'app', claim: 'tid', expected: publisherTenantId, received: clientTenantId, option: 'publisherTenantId' }
  })
  t.match(await poll(appClaims('1.0'), subjectClaims('1.0', inTenant(publisherTenantId))), {
    status: 401,
    refusal: { token: 'subject', claim: 'tid', expected: `${clientTenantId} (x-ms-client-tenant-id)`, received: publisherTenantId }
  })
})

t.test('a subject token for another application than the app token\'s is refused', async (t) => {
  t.match(await poll(appClaims('1.0'), subjectClaims('2.0', { azp: otherFabricAppId })), {
    status: 401,
    refusal: { token: 'subject', claim: 'azp', expected: `${fabricAppId} (the app token's)`, received: otherFabricAppId }
  })
})

t.test('a subject token without the scope as a whole word is answered 403', async (t) => {
  for (const [scp, received] of [
    [undefined, '(absent)'],
    ['', '(empty)'],
    ['Other', 'Other'],
    ['NotFabricWorkloadControl', 'NotFabricWorkloadControl'],
    ['FabricWorkloadControl.All A', 'FabricWorkloadControl.All A'],
    ['fabricworkloadcontrol', 'fabricworkloadcontrol'],
    ['A,FabricWorkloadControl', 'A,FabricWorkloadControl'],
    ['A\tFabricWorkloadControl', 'A\\u0009FabricWorkloadControl']
  ]) {
    t.match(await poll(appClaims('1.0'), subjectClaims('1.0', { scp })), {
      status: 403,
      refusal: { token: 'subject', claim: 'scp', expected: 'FabricWorkloadControl', received, option: 'requiredScope' }
    }, `${scp}`)
  }
  t.match(await poll(appClaims('1.0'), subjectClaims('1.0', { scp: 'Other', exp: 1 })), { status: 401, refusal: { claim: 'exp' } })
  const forged = `${await key.sign(subjectClaims('1.0', { scp: 'Other' }))}`.replace(/.{8}$/, 'AAAAAAAA')
  const { statusCode } = await server.app.inject({ url: '/caller', headers: headers(await key.sign(appClaims('1.0')), forged) })
  t.equal(statusCode, 401)
})

t.test('the log of a refusal names the option to check', async (t) => {
  for (const [version, changes, option] of [
    ['1.0', { aud: 'api://other' }, 'audience'],
    ['2.0', { aud: 'api://other' }, 'clientId'],
    ['1.0', { iss: 'https://other' }, 'issuerV1'],
    ['2.0', { iss: 'https://other' }, 'authority'],
    ['1.0', { appid: stranger }, 'fabricAppIds'],
    ['2.0', { azp: stranger }, 'fabricAppIds']
  ] as Array<[Version, Claims, string]>) {
    const { refusal } = await poll(appClaims(version, changes))
    const [[claim, received] = ['']] = Object.entries(changes)
    t.match(refusal, { token: 'app', claim, received, option, expected: /./ })
  }
})

t.test('a received claim is logged bounded and escaped, and not if it looks like a token', async (t) => {
  for (const [aud, received] of [
    [`x\r\n\u001b[31m"evil"\u2028${'ü'}\ud800`, 'x\\u000d\\u000a\\u001b[31m"evil"\\u2028\\u00fc\\ud800'],
    ['a'.repeat(300), `${'a'.repeat(256)}... (300 characters)`],
    ['Bearer eyJhbGciOiJub25lIn0.eyJ.', '(looks like a token)'],
    [['a'], '(an array)'],
    [{ eyJ: 1 }, '(of type object)'],
    [1, '(of type number)'],
    [null, '(null)'],
    ['', '(empty)'],
    [undefined, '(absent)']
  ]) {
    const { refusal } = await poll(appClaims('1.0', { aud }))
    t.equal(refusal?.received, received)
  }
})

t.test('an unknown kid is logged bounded and escaped, and not if it looks like a token', async (t) => {
  const signature = String((await key.sign(appClaims('1.0'))).split('.')[2])
  for (const [kid, logged] of [
    ['q-23falevZhhD3hm9CQbkP5MQyU', 'q-23falevZhhD3hm9CQbkP5MQyU'],
    ['X5eXk4xyojNFum1kl2Ytv8dlNP4-c57dO6QGTVBwaNk', 'X5eXk4xyojNFum1kl2Ytv8dlNP4-c57dO6QGTVBwaNk'],
    ['one\r\n\u001b[31m', 'one\\u000d\\u000a\\u001b[31m'],
    ['k'.repeat(300), `${'k'.repeat(256)}... (300 characters)`],
    [signature, '(looks like a token)']
  ]) {
    const from = server.log.length
    await server.app.inject({ url: '/caller', headers: headers(await key.sign(appClaims('1.0'), { kid })) })
    t.match(server.log.slice(from).find(({ msg }) => msg === 'SubjectAndApp authentication refused'), {
      reason: 'no published key has this kid', token: 'app', kid: logged, option: 'jwksUri', jwksUri: /^https:/
    })
  }
})

t.test('a token whose iat is not a number is refused', async (t) => {
  t.match(await poll(appClaims('1.0', { iat: `${today / 1000}` })), { status: 401, refusal: { token: 'app', claim: 'iat', reason: 'the claim is invalid' } })
})

t.test('a claim named __proto__ or constructor does not replace a missing claim', async (t) => {
  const proto = JSON.parse(`{"__proto__":${JSON.stringify(appClaims('1.0'))}}`)
  t.match(await poll(proto), { status: 401, refusal: { claim: 'ver', received: '(absent)' } })
})

t.test('no log line contains a token or the beginning of one', async (t) => {
  t.ok(server.log.length > 500)
  t.notMatch(JSON.stringify(server.log), 'eyJ')
})
