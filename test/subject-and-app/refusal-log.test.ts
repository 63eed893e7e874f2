import t from 'tap'

import { RefusalLog } from '../../lib/subject-and-app/refusal-log.js'
import { badClaim, Refusal, unexpectedClaim } from '../../lib/subject-and-app/refusal.js'

const MINUTE = 60_000

/** A log of refusals with a clock that the test sets, and its lines. */
function setUp () {
  const lines: Array<Record<string, unknown> & { level: string }> = []
  const time = { now: 0 }
  const write = (level: string) => (...[line, msg]: unknown[]) => { lines.push({ level, msg, ...Object(line) }) }
  const log = { info: write('info'), warn: write('warn') }
  const refusalLog = new RefusalLog(() => time.now)
  return { lines, time, write: (refusal: Refusal) => refusalLog.write(log, refusal) }
}

const unexpectedAudience = (received: string) => unexpectedClaim('app', 'aud', { expected: 'api://contoso.example', received, option: 'audience' })

t.test('the first refusal of a kind is logged at warn, the following at info, all with their details', async (t) => {
  const { lines, write } = setUp()
  for (const received of ['a', 'b', 'c']) write(unexpectedAudience(received))
  t.same(lines, ['warn', 'info', 'info'].map((level, i) => ({
    level,
    msg: 'SubjectAndApp authentication refused',
    reason: 'unexpected claim',
    code: 'UnexpectedClaim',
    token: 'app',
    claim: 'aud',
    expected: 'api://contoso.example',
    received: 'abc'[i],
    option: 'audience'
  })))
})

t.test('refusals with the same code, token and claim are of one kind', async (t) => {
  const { lines, write } = setUp()
  for (const refusal of [
    unexpectedAudience('a'), unexpectedClaim('subject', 'aud', { expected: 'x', received: 'y' }), badClaim('app', 'oid', 'ClaimNotUuid'),
    badClaim('app', 'nbf', 'ClaimNotTime'), new Refusal('AuthorizationMissing')
  ]) {
    write(refusal)
    write(refusal)
  }
  t.same(lines.map(({ level }) => level), ['warn', 'info', 'warn', 'info', 'warn', 'info', 'warn', 'info', 'warn', 'info'])
})

t.test('one refusal of a kind is logged at warn every ten minutes, with the number since the last warning', async (t) => {
  const { lines, time, write } = setUp()
  for (let minute = 0; minute <= 30; minute++) {
    time.now = minute * MINUTE
    write(unexpectedAudience('a'))
  }
  t.same(lines.filter(({ level }) => level === 'warn').map(({ refusals }) => refusals), [undefined, 10, 10, 10])
  t.equal(lines.length, 31)
})

t.test('a caller cannot flood the log at warn, because the values that it sends make no new kinds', async (t) => {
  const { lines, time, write } = setUp()
  for (let i = 0; i < 10_000; i++) {
    time.now += 6
    write(unexpectedAudience(`audience ${i}`))
    write(new Refusal('UnknownKey', { token: 'app', kid: `kid ${i}` }))
  }
  t.equal(lines.filter(({ level }) => level === 'warn').length, 2)
})
