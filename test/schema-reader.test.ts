import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'

import { Type } from '@sinclair/typebox'
import fc from 'fast-check'
import t from 'tap'

import { schemaReader } from '../lib/schema-reader.js'
import { ErrorResponse, ItemJobInstanceState } from '../schemas/plain.js'

const readState = schemaReader<ItemJobInstanceState>(ItemJobInstanceState)
const readError = schemaReader<ErrorResponse>(ErrorResponse)
const readUuid = schemaReader(Type.String({ format: 'uuid' }))
const readTime = schemaReader(Type.String({ format: 'date-time' }))

const notATime = { problems: [{ path: '', message: 'must be a valid Date or an RFC 3339 date-time with an offset' }] }
const notAUuid = { problems: [{ path: '', message: 'must be a uuid: 36 characters, without urn:uuid: or braces' }] }

t.test('A copy', async (t) => {
  t.test('has what the schema names and nothing else', async (t) => {
    const state = Object.create({ status: 'Completed', inherited: 1 }, { row: { value: 7, enumerable: true } })
    t.same(readState(state), { value: { status: 'Completed' } })
  })

  t.test('leaves out null and undefined where the schema does not require a value', async (t) => {
    t.strictSame(readState({ status: 'Failed', startTimeUtc: null, endTimeUtc: undefined, errorDetails: null }),
      { value: { status: 'Failed' } })
    t.strictSame(readError({
      errorCode: 'a', message: '', source: 'User', isPermanent: null, messageParameters: null, moreDetails: undefined
    }), { value: { errorCode: 'a', message: '', source: 'User' } })
  })

  t.test('is a copy at each level', async (t) => {
    const error = {
      errorCode: 'a',
      message: 'b',
      messageParameters: ['c'],
      source: 'External',
      isPermanent: false,
      moreDetails: [{ errorCode: 'd', message: 'e', additionalParameters: [{ name: 'f', value: 'g' }] }]
    }
    const reading = readError(error)
    t.strictSame(reading, { value: error })
    if (!('value' in reading)) throw new Error('a problem')
    t.not(reading.value.messageParameters, error.messageParameters)
    t.not(reading.value.moreDetails?.[0], error.moreDetails[0])
    t.not(reading.value.moreDetails?.[0]?.additionalParameters, error.moreDetails[0]?.additionalParameters)
  })

  t.test('comes of reading each property once', async (t) => {
    const reads: string[] = []
    const state = new Proxy<Record<string, unknown>>({ status: 'Completed', row: 7 }, {
      get (target, name) {
        reads.push(String(name))
        return target[String(name)]
      }
    })
    t.same(readState(state), { value: { status: 'Completed' } })
    t.same(reads.sort(), ['endTimeUtc', 'errorDetails', 'startTimeUtc', 'status'])
  })

  t.test('does not mind circles in what the schema does not name', async (t) => {
    const state: Record<string, unknown> = { status: 'Completed' }
    state.self = state
    t.same(readState(state), { value: { status: 'Completed' } })
  })
})

t.test('A problem', async (t) => {
  t.test('is told with its place, all of them at once', async (t) => {
    t.same(readState({
      status: 'running',
      startTimeUtc: 'yesterday',
      errorDetails: {
        errorCode: 1,
        messageParameters: 'x',
        source: null,
        isPermanent: 0,
        moreDetails: [{ errorCode: '', message: '', additionalParameters: [{ name: 'a' }, null] }]
      }
    }), {
      problems: [
        { path: '/status', message: 'must be one of NotStarted, InProgress, Completed, Failed, Cancelled, exactly' },
        { path: '/startTimeUtc', message: 'must be a valid Date or an RFC 3339 date-time with an offset' },
        { path: '/errorDetails/errorCode', message: 'must be a string' },
        { path: '/errorDetails/message', message: 'must be there' },
        { path: '/errorDetails/messageParameters', message: 'must be an array' },
        { path: '/errorDetails/source', message: 'must be there' },
        { path: '/errorDetails/isPermanent', message: 'must be a boolean' },
        { path: '/errorDetails/moreDetails/0/additionalParameters/0/value', message: 'must be there' },
        { path: '/errorDetails/moreDetails/0/additionalParameters/1', message: 'must be an object' }
      ]
    })
  })

  t.test('is told of the value itself', async (t) => {
    for (const value of [null, undefined, 'Completed', 1n, Symbol('s'), [], ['Completed'], () => {}]) {
      t.same(readState(value), { problems: [{ path: '', message: 'must be an object' }] })
    }
  })

  t.test('is not told a hundred times', async (t) => {
    const reading = readError({ errorCode: 'a', message: 'b', source: 'User', messageParameters: new Array(1e9) })
    t.equal('problems' in reading && reading.problems.length, 20)
  })

  for (const [what, value] of [
    ['a getter', { get status () { throw new Error('no') } }],
    ['a nested getter', { status: 'Failed', errorDetails: { get errorCode () { throw new Error('no') } } }],
    ['a proxy', new Proxy({}, { get () { throw new Error('no') } })],
    ['a revoked proxy', (() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()]
  ] as const) {
    t.test(`is ${what} that throws`, async (t) => {
      const message = 'must be readable: a getter or a proxy of it threw'
      t.same(readState(value), { problems: [{ path: '', message }] })
    })
  }
})

t.test('A uuid', async (t) => {
  t.test('comes out in lower case', async (t) => {
    fc.assert(fc.property(fc.uuid(), fc.infiniteStream(fc.boolean()), (uuid, isUpper) => {
      const mixed = [...uuid].map((letter) => isUpper.next().value ? letter.toUpperCase() : letter).join('')
      assert.deepEqual(readUuid(mixed), { value: uuid })
    }), { numRuns: 50 })
  })

  t.test('may be of any version, the nil one too', async (t) => {
    for (const uuid of ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']) {
      t.same(readUuid(uuid), { value: uuid })
    }
  })

  t.test('is nothing else', async (t) => {
    const uuid = '63f77191-432d-4ee6-9c5f-31a1a6987072'
    for (const value of [
      '', uuid + ' ', ' ' + uuid, uuid + '\n', `urn:uuid:${uuid}`, `{${uuid}}`, uuid.replaceAll('-', ''), uuid.slice(1),
      uuid + '0', uuid.replace('6', 'g'), uuid.replace('6', '６'), uuid.replace('-', '‐'), 7, null, [uuid], Object(uuid)
    ]) t.same(readUuid(value), notAUuid, String(value))
  })
})

t.test('A time', async (t) => {
  const anyDate = fc.date({
    min: new Date('0000-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true
  })

  t.test('may be any valid Date', async (t) => {
    fc.assert(fc.property(anyDate, (date) => {
      assert.deepEqual(readTime(date), { value: date.toISOString() })
    }))
  })

  t.test('may be any RFC 3339 date-time with an offset, and comes out as UTC with Z, in milliseconds', async (t) => {
    const fraction = fc.constantFrom('', '0', '7', '07', '007', '999', '1234567', '999999999999')
    const offset = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 })
    fc.assert(fc.property(anyDate, fraction, offset, fc.boolean(), (date, digits, minutes, isLower) => {
      const milliseconds = Number(digits.padEnd(3, '0').slice(0, 3))
      const time = Math.floor(date.getTime() / 1000) * 1000 + milliseconds
      const local = new Date(time + minutes * 60_000).toISOString().slice(0, 19)
      const hoursAndMinutes = new Date(Math.abs(minutes) * 60_000).toISOString().slice(11, 16)
      const suffix = minutes === 0 && isLower ? 'Z' : `${minutes < 0 ? '-' : '+'}${hoursAndMinutes}`
      const text = `${local}${digits && '.' + digits}${suffix}`
      assert.deepEqual(readTime(isLower ? text.toLowerCase() : text), { value: new Date(time).toISOString() }, text)
    }), { examples: [[new Date('2024-02-29T23:59:59Z'), '', -60, false]] })
  })

  t.test('may be a Date from another realm, or of a subclass', async (t) => {
    t.same(readTime(runInNewContext('new Date(0)')), { value: '1970-01-01T00:00:00.000Z' })
    class Mine extends Date {
      override getTime () { return 7 }
      override toISOString () { return 'mine' }
    }
    t.same(readTime(new Mine(0)), { value: '1970-01-01T00:00:00.000Z' })
  })

  t.test('is nothing else', async (t) => {
    for (const value of [
      '', 'yesterday', '2023-12-10', '2023-12-10T14:41:39', '2023-12-10T14:41:39.412', '2023-12-10 14:41:39Z',
      '2023-12-10T14:41Z', '2023-12-10T14:41:39+01', '2023-12-10T14:41:39+0100', '2023-12-10T14:41:39.Z',
      '2023-12-10T14:41:39,5Z', '2023-12-10T24:00:00Z', '2023-12-10T14:60:00Z', '2023-12-10T14:41:39+24:00',
      '2023-12-10T14:41:39+01:60', '2023-12-10T14:41:39 Z', ' 2023-12-10T14:41:39Z', '2023-12-10T14:41:39Z\n',
      '2023-02-29T00:00:00Z', '2023-02-30T00:00:00+01:00', '2023-04-31T00:00:00Z', '2023-13-01T00:00:00Z',
      '2023-00-01T00:00:00Z', '2023-01-00T00:00:00Z', '1900-02-29T00:00:00Z', '12023-12-10T14:41:39Z',
      '+012023-12-10T14:41:39Z', '-000001-12-10T14:41:39Z', '２023-12-10T14:41:39Z', '2023-12-10T14:41:39−01:00',
      '1990-12-31T23:59:60Z', '0000-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01',
      'Sun, 10 Dec 2023 14:41:39 GMT', '2023-W49-7T14:41:39Z', '2023-12-10T14:41:39Z[UTC]',
      new Date(NaN), new Date(253402300800000), new Date(-62167219200001), new Proxy(new Date(), {}),
      1702219299412, 1702219299412n, true, {}, [], Object('2023-12-10T14:41:39Z'),
      { toISOString: () => '2023-12-10T14:41:39.412Z' }, Symbol('2023-12-10T14:41:39Z')
    ]) t.same(readTime(value), notATime, typeof value === 'string' ? value : typeof value)
  })

  t.test('may lie at either end of what RFC 3339 can say', async (t) => {
    for (const value of ['0000-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '0001-01-01T00:00:00.000Z']) {
      t.same(readTime(value), { value })
      t.same(readTime(new Date(value)), { value })
    }
  })
})

t.test('A schema of another kind is refused when the reader is made', async (t) => {
  t.throws(() => schemaReader(Type.Number()), { message: 'No reader for the schema {"type":"number"}' })
  t.throws(() => schemaReader(Type.Unsafe({ type: 'array' })), { message: 'No reader for the schema {}' })
  t.throws(() => schemaReader(Type.String({ format: 'email' })), { message: 'No reader for the format email' })
  t.throws(() => schemaReader(Type.Ref('Forecast')), { message: 'No definition Forecast' })
  t.same(schemaReader(Type.Unsafe({ type: 'object' }))({ a: 1 }), { value: {} })
})
