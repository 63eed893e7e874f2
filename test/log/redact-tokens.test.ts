import { createHash } from 'node:crypto'

import t from 'tap'

import { containsToken, redactTokens } from '../../lib/log/redact-tokens.js'

const hash = (algorithm: string, value: unknown) => createHash(algorithm).update(String(value)).digest('hex')
const uuid = (value: unknown) => hash('sha1', value).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5')

/** A token like those of Entra ID; the same in each run, so that failures can be reproduced. */
function token (claims: object): string {
  const signature = Buffer.from([1, 2, 3, 4].map((part) => hash('sha512', JSON.stringify([part, claims]))).join(''), 'hex')
  const header = { typ: 'JWT', alg: 'RS256', x5t: signature.toString('base64url', 0, 20), kid: signature.toString('base64url', 0, 20) }
  return [JSON.stringify(header), JSON.stringify(claims), signature].map((part) => Buffer.from(part).toString('base64url')).join('.')
}

const tokens = [
  token({ aud: 'api://localdevinstance/Contoso.SurveyJobs/1', iss: `https://sts.windows.net/${uuid(1)}/`, exp: 1_900_000_000, oid: uuid(2), ver: '1.0' }),
  token({ aud: uuid(3), iss: `https://login.microsoftonline.com/${uuid(1)}/v2.0`, exp: 1_900_000_000, name: 'A user of Fabric', ver: '2.0' }),
  token({ aud: uuid(3), groups: Array.from({ length: 200 }, (_, i) => uuid(i)) })
]

const identifiers = [
  'Contoso.SurveyJobs',
  'SurveyJobs',
  'api://localdevinstance/Contoso.SurveyJobs/1',
  'Items.Survey.Execute.All SurveyJobs.ReadWrite.All FabricWorkloadControl',
  '/workload-api/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/Contoso.SurveyJobs/b14cb7e7-d346-4751-9cfd-8c2767d53111',
  // pg-boss names the partition of a queue by a hash; PostgreSQL names the index after the partition.
  `j${hash('sha224', 'Contoso.SurveyJobs')}`,
  `relation "pgboss.j${hash('sha224', 'x')}_pkey" does not exist`,
  'job_common_job_state_start_after_priority_created_on_id_idx',
  'workspace_e5ef604d-e14f-4a59-9133-75d5a0cb9334_63f77191-432d-4ee6-9c5f-31a1a6987072',
  'Contoso_E5EF604D-E14F-4A59-9133-75D5A0CB9334_63F77191-432D-4EE6-9C5F-31A1A6987072',
  'CalculateForecastV2ForTheContosoFinanceAnalyticsWorkloadItemHandler',
  'the-release-of-2026-11-with-the-forecasts-of-all-items-and-their-jobs',
  hash('sha512', 'x'),
  'eyJafjoll',
  '-'.repeat(80)
]

t.test('A long identifier, or one with eyJ within a word, is not redacted', async (t) => {
  for (const identifier of identifiers) t.equal(redactTokens(`cannot find ${identifier}, ${identifier}`), `cannot find ${identifier}, ${identifier}`)
  t.equal(containsToken(identifiers.join(' ')), false)
})

t.test('A token is redacted within any other text', async (t) => {
  for (const token of tokens) {
    t.equal(redactTokens(`refused "${token}" of SurveyJobs`), 'refused "[token]" of SurveyJobs')
    t.equal(redactTokens(token), '[token]')
    for (const around of ['SurveyJobs', 'a'.repeat(500), '_', 'bearer-']) {
      t.same(redactTokens(around + token + around).match(/[\w-]{50,}/g), null, around)
    }
  }
})

t.test('A short token is redacted, also directly after a word', async (t) => {
  const short = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl'
  for (const before of ['', 'Error', 'Bearer ', 'token=']) t.equal(redactTokens(`${before}${short}, refused`), `${before}[token], refused`)
})

t.test('Both parts of a token are redacted wherever another character splits it', async (t) => {
  for (const token of tokens) {
    for (const character of ['(', ' ', '=', '\n', 'é']) {
      for (let at = 1; at < token.length; at += 3) {
        const left = redactTokens(`${token.slice(0, at)}${character}${token.slice(at)}`)
        if (/[\w-]{50,}/.test(left)) t.fail(`cut at ${at}: ${left}`)
      }
    }
  }
  t.pass()
})

t.test('A signature without the rest of its token is redacted', async (t) => {
  for (const token of tokens) t.equal(redactTokens(`signature ${token.split('.')[2]}`), 'signature [token]')
})
