import t from 'tap'

import { AcceptedTokens } from '../../lib/subject-and-app/accepted-tokens.js'
import { checkAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { Refusal } from '../../lib/subject-and-app/refusal.js'
import { SigningKeys } from '../../lib/subject-and-app/signing-keys.js'
import { decode, verify } from '../../lib/subject-and-app/verify.js'
import type { AcceptedToken } from '../../lib/subject-and-app/verify.js'
import { appClaims, headers, makeKey, options, serve, subjectClaims, today } from './fabric.js'
import type { Claims, Key } from './fabric.js'

const one = await makeKey('one')
const two = await makeKey('two')
let published = [one, two]

const signingKeys = new SigningKeys({
  jwksUri: 'https://keys.example',
  log: { warn: () => t.fail('the keys are there') },
  fetch: async () => Response.json({ keys: published.map(({ jwk }) => jwk) }),
  now: () => today
})

async function accept (kind: 'app' | 'subject', claims: Claims, key: Key = one): Promise<AcceptedToken> {
  const checked = checkAuthenticationOptions(options)
  const decoded = decode(kind, await key.sign(claims), checked)
  if (decoded instanceof Refusal) throw new Error(decoded.reason)
  const verified = await verify(decoded, { signingKeys, options: checked, now: () => today })
  if (verified instanceof Refusal) throw new Error(verified.reason)
  return verified
}

t.test('a token is cached under its kind and its whole text until its exp', async (t) => {
  const tokens = new AcceptedTokens(10, signingKeys)
  const accepted = await accept('app', appClaims('1.0'))
  const { principal: { token }, identity } = accepted
  t.equal(tokens.get('app', token, today), undefined)
  tokens.add(accepted, today)
  t.equal(tokens.get('app', token, today), accepted)
  t.equal(tokens.get('subject', token, today), undefined, 'not as the other kind')
  t.equal(tokens.get('app', `${token} `, today), undefined)
  t.equal(tokens.get('app', token.slice(-342), today), undefined, 'not by its signature alone')
  t.equal(tokens.get('app', `eyJ9.${token.slice(token.indexOf('.') + 1)}`, today), undefined, 'not with another beginning')
  t.equal(tokens.get('app', token, identity.exp * 1000 - 1), accepted)
  t.equal(tokens.get('app', token, identity.exp * 1000), undefined)
})

t.test('a token that is valid only by the clock tolerance is not cached', async (t) => {
  const tokens = new AcceptedTokens(10, signingKeys)
  tokens.add(await accept('app', appClaims('1.0', { exp: today / 1000 - 30 })), today)
  t.equal(tokens.size, 0)
})

t.test('the cache is bounded, and evicts the least recently used token', async (t) => {
  const tokens = new AcceptedTokens(2, signingKeys)
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((jti) => accept('app', appClaims('1.0', { jti }))))
  if (!a || !b || !c) throw new Error('three were accepted')
  tokens.add(a, today)
  tokens.add(b, today)
  tokens.get('app', a.principal.token, today)
  tokens.add(c, today)
  t.equal(tokens.size, 2)
  t.same([a, b, c].map(({ principal }) => tokens.get('app', principal.token, today) !== undefined), [true, false, true])
})

t.test('a cache of size 0 caches nothing', async (t) => {
  const tokens = new AcceptedTokens(0, signingKeys)
  const accepted = await accept('app', appClaims('1.0'))
  tokens.add(accepted, today)
  tokens.prune(today)
  t.equal(tokens.get('app', accepted.principal.token, today), undefined)
  t.equal(tokens.size, 0)
})

t.test('a token of a removed key is not returned any more, and prune removes it', async (t) => {
  const tokens = new AcceptedTokens(10, signingKeys)
  const stays = await accept('subject', subjectClaims('1.0'), one)
  const goes = await accept('subject', subjectClaims('1.0'), two)
  tokens.add(stays, today)
  tokens.add(goes, today)
  published = [one]
  await signingKeys.refresh()
  t.equal(tokens.get('subject', goes.principal.token, today), undefined)
  t.equal(tokens.get('subject', stays.principal.token, today), stays)
  t.equal(tokens.size, 2)
  tokens.prune(today)
  t.equal(tokens.size, 1)
})

t.test('the claims of a cached token are deeply frozen', async (t) => {
  const { principal: { claims } } = await accept('app', appClaims('1.0', { nested: { list: [{}] } }))
  const nested = claims.nested as { list: object[] }
  t.ok([claims, nested, nested.list, nested.list[0]].every(Object.isFrozen))
})

t.test('a cached token pair is compared with each request again', async (t) => {
  const { app } = serve({ keys: () => Response.json({ keys: [one.jwk] }) })
  t.teardown(() => app.close())
  const [appToken, subjectToken] = await Promise.all([one.sign(appClaims('1.0')), one.sign(subjectClaims('1.0'))])
  const otherTenant = 'ffffffff-0000-4000-8000-00000000000f'
  const otherApp = await one.sign(appClaims('1.0', { appid: 'd2450708-699c-41e3-8077-b0c8341509aa' }))
  const withoutScope = await one.sign(subjectClaims('1.0', { scp: 'Other' }))
  const status = async (headers: Record<string, string>) => (await app.inject({ url: '/caller', headers })).statusCode
  for (let round = 0; round < 2; round++) {
    t.equal(await status(headers(appToken, subjectToken)), 200)
    t.equal(await status(headers(otherApp)), 200)
    t.equal(await status({ ...headers(appToken, subjectToken), 'x-ms-client-tenant-id': otherTenant }), 401)
    t.equal(await status(headers(otherApp, subjectToken)), 401)
    t.equal(await status(headers(appToken, appToken)), 401)
    t.equal(await status(headers(subjectToken, subjectToken)), 401)
    t.equal(await status(headers(appToken, withoutScope)), 403)
  }
})

t.test('the responses are the same with and without a cache', async (t) => {
  const { app } = serve({ keys: () => Response.json({ keys: [one.jwk] }), tokenCacheSize: 0 })
  t.teardown(() => app.close())
  const [appToken, subjectToken] = await Promise.all([one.sign(appClaims('1.0')), one.sign(subjectClaims('1.0'))])
  for (let round = 0; round < 2; round++) {
    t.equal((await app.inject({ url: '/caller', headers: headers(appToken, subjectToken) })).statusCode, 200)
    t.equal((await app.inject({ url: '/caller', headers: headers(subjectToken, appToken) })).statusCode, 401)
  }
})
