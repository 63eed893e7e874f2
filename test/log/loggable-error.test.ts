import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'

import fc from 'fast-check'
import t from 'tap'

import { loggableError } from '../../lib/log/loggable-error.js'
import { pending } from '../helpers/pending.js'
import { pollPath, recordedLog, workload } from '../helpers/poll.js'

const token = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJhdWQiOiJhcGk6Ly94In0.c2lnbmF0dXJl-_'

t.test('loggableError describes a thrown value for the log', async (t) => {
  t.test('A logged error has its name, message, stack, code and status', async (t) => {
    const error = Object.assign(new RangeError('disk full'), { code: 'ENOSPC', statusCode: 507 })
    t.same(loggableError(error),
      { name: 'RangeError', message: 'disk full', stack: error.stack, code: 'ENOSPC', statusCode: 507 })
    t.match(loggableError(Object.assign(new Error('no'), { code: 11000, statusCode: '507' })),
      { code: 11000, statusCode: undefined })
    t.notOk('code' in loggableError(Object.assign(new Error('no'), { code: {} })))
  })

  t.test('A logged error has its causes, up to a maximum depth', async (t) => {
    let error = new Error('0')
    for (let depth = 1; depth <= 9; depth++) error = new Error(String(depth), { cause: error })
    const messages = []
    for (let each: { message: string, cause?: object } | undefined = loggableError(error); each !== undefined;) {
      messages.push(each.message)
      each = each.cause as typeof each
    }
    t.same(messages, ['9', '8', '7', '6', '5', '4'])
  })

  t.test('A logged AggregateError has its first five errors', async (t) => {
    const errors = [...Array(9).keys()].map((i) => new Error(String(i)))
    t.match(loggableError(new AggregateError(errors, 'all failed')),
      { message: 'all failed', errors: { length: 5, 4: { message: '4' } } })
  })

  t.test('An error of another realm is logged like an error of this realm', async (t) => {
    t.match(loggableError(runInNewContext('new RangeError("disk full")')),
      { name: 'RangeError', message: 'disk full', stack: /disk full/ })
  })

  t.test('An error without the usual properties can be logged', async (t) => {
    const error = Object.assign(new Error(), { name: undefined, message: 7, stack: undefined })
    t.same(loggableError(error), { name: 'undefined', message: '7' })
  })

  t.test('A thrown value that is not an Error is logged with its type', async (t) => {
    for (const [thrown, message] of [
      [undefined, 'undefined: undefined'],
      [null, 'object: null'],
      ['no', 'string: no'],
      ['x.'.repeat(999), `string: ${'x.'.repeat(100)}`],
      [404n, 'bigint: 404'],
      [Symbol('s'), 'symbol: Symbol(s)'],
      [{ password: 'hunter2' }, 'object: [object Object]'],
      [Object.create(null), 'object: [object Object]'],
      [['hunter2'], 'object: [object Array]']
    ] as const) {
      t.same(loggableError(thrown),
        { name: 'Error', message: `What was thrown is no Error but a value of type ${message}` })
    }
  })

  t.test('An error that cannot be read is logged as unreadable', async (t) => {
    const unreadable = { name: 'Error', message: 'What was thrown cannot be read: a getter or a proxy of it threw.' }
    const refuse = () => { throw new Error('no') }
    for (const thrown of [
      Object.defineProperty(new Error(), 'message', { get: refuse }),
      Object.defineProperty(new Error(), 'stack', { get: refuse }),
      Object.defineProperty(new Error(), 'cause', { get: refuse }),
      Object.assign(new Error(), { name: { toString: refuse } }),
      Object.assign(new AggregateError([]), { errors: 7 }),
      new Proxy({}, { getPrototypeOf: refuse, get: refuse }),
      { get [Symbol.toStringTag] () { return refuse() } }
    ]) t.same(loggableError(thrown), unreadable)
  })

  t.test('loggableError never throws, for any thrown value', async (t) => {
    fc.assert(fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (thrown) => {
      assert.equal(typeof loggableError(thrown).message, 'string')
    }))
  })
})

t.test('No error is logged with a token', async (t) => {
  t.test('Both parts of a token that another character splits are redacted', async (t) => {
    const signature = 'Opk0B2a5PZ65KZwjl_J9fMtP1OBf0CgBZnm5YTEi3UAX-7WTiqwFc7MC_F3eb'
    for (const character of ['(', ' ', '"', '=', '\n', 'é']) {
      const described = JSON.stringify(loggableError(new Error(`refused ${token}Bm${character}${signature} by job 63f77191-432d-4ee6-9c5f-31a1a6987072`)))
      t.notMatch(described, /eyJ|Opk0B2a5|c2lnbmF0dXJl/, character)
      t.match(described, 'by job 63f77191-432d-4ee6-9c5f-31a1a6987072')
    }
  })

  t.test('A token is redacted in the name, message, code and cause of an error', async (t) => {
    const error = Object.assign(new Error(`refused "${token}"`, { cause: new Error(`Bearer ${token},`) }), {
      code: token, name: `Error${token}`
    })
    const described = JSON.stringify(loggableError(error))
    t.notMatch(described, /eyJ|c2lnbmF0dXJl/)
    t.match(described, /refused \\"\[token\]\\"/)
    t.notMatch(JSON.stringify(loggableError(token)), /eyJ|c2lnbmF0dXJl/)
    t.notMatch(JSON.stringify(loggableError(`${'x'.repeat(190)}${token}`)), /eyJ|c2lnbmF0dXJl/)
  })

  t.test('The request in an error of an HTTP client is not logged', async (t) => {
    const clients = () => Object.assign(new Error('Request failed with status code 502'), {
      code: 'ERR_BAD_RESPONSE',
      config: { headers: { Authorization: `Bearer ${token}` } },
      request: { _header: `authorization: Bearer ${token}` },
      response: { status: 502, headers: { 'x-secret': 'hunter2' } },
      toJSON: () => ({ config: { headers: { Authorization: `Bearer ${token}` } } })
    })
    for (const thrown of [
      clients,
      () => new Error(`with ${token}`, { cause: clients() }),
      () => Object.assign(clients(), { statusCode: 404 }),
      () => new AggregateError([clients()], token),
      () => ({ ...clients(), message: token, statusCode: 503 }),
      () => token
    ]) {
      const { lines, logger } = recordedLog()
      const app = workload(t, async () => { throw thrown() }, { server: { logger } })
      const headers = { authorization: `SubjectAndAppToken1.0 subjectToken="${token}", appToken="${token}"` }
      await app.inject({ url: pollPath(), headers })
      t.match(lines.at(-2), { err: { type: 'WorkloadError' } })
      t.notMatch(JSON.stringify(lines), /eyJ|c2lnbmF0dXJl|hunter2|[Aa]uthorization"?:/)
    }
  })
  t.test('A token in an error after Fastify\'s handlerTimeout is redacted', async (t) => {
    const { lines, logger } = recordedLog()
    const work = pending<null>()
    const app = workload(t, () => work.promise, { server: { logger, handlerTimeout: 20 } })
    const { statusCode } = await app.inject(pollPath())
    t.equal(statusCode, 503)
    work.reject(new Error(`refused ${token}`))
    await new Promise(setImmediate)
    t.match(lines.at(-1), { level: 40, err: { message: /refused \[token\]/ } })
    t.notMatch(JSON.stringify(lines), /eyJ|c2lnbmF0dXJl/)
  })
})
