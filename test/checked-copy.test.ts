import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'

import { type TSchema, Type } from '@sinclair/typebox'
import fc from 'fast-check'
import t from 'tap'

import { checkedCopy } from '../lib/checked-copy.js'
import { propertyOf } from '../lib/own-properties.js'
import { formats, isoString, toUtc } from '../lib/formats.js'
import { ErrorResponse, ItemJobInstanceState } from '../schemas/index.js'
import { contractProblems, sample } from './helpers/poll.js'

/** The function under test. Its copies have no prototype, so they are cloned to be compared with literals. */
function checking<T extends TSchema> (schema: T) {
  const check = checkedCopy(schema)
  return (value: unknown) => structuredClone(check(value))
}

const checkState = checking(ItemJobInstanceState)
const checkError = checking(ErrorResponse)
const details = { errorCode: 'a', message: 'b', source: 'User' } as const
const refuse = (): never => { throw new Error('hunter2') }

t.test('A value that conforms is copied', async (t) => {
  const state = {
    status: 'Failed',
    startTimeUtc: '2023-12-10T14:41:39.412Z',
    endTimeUtc: '2023-12-10T14:41:40.000Z',
    errorDetails: {
      ...details,
      messageParameters: ['c', ''],
      isPermanent: false,
      moreDetails: [{ errorCode: 'd', message: 'e', messageParameters: [], additionalParameters: [{ name: 'f', value: 'g' }] }]
    }
  }
  const checked = checkState(Object.freeze(state))
  t.strictSame(checked, { value: state })
  t.not('value' in checked && checked.value, state)
})

t.test('Each property of a value is read once', async (t) => {
  const reads: string[] = []
  const counted = <T extends object>(value: T, path: string): T => new Proxy(value, {
    get (target, name, receiver) {
      if (typeof name === 'string') reads.push(`${path}${name}`)
      return Reflect.get(target, name, receiver)
    }
  })
  const parameter = counted({ name: 'f', value: 'g' }, 'parameter.')
  const detail = counted({ errorCode: 'd', message: 'e', additionalParameters: [parameter] }, 'detail.')
  const errorDetails = counted({ ...details, moreDetails: [detail] }, 'errorDetails.')
  const state = counted({ status: 'Failed', startTimeUtc: new Date(0), errorDetails, row: 7 }, '')
  t.match(checkState(state), { value: { status: 'Failed' } })
  t.same(reads, [...new Set(reads)])
  t.notOk(reads.includes('row'), 'an unknown property is not read')

  let read = 0
  t.same(checkState({ get status () { return read++ === 0 ? 'Completed' : 'running' } }), { value: { status: 'Completed' } })
  t.equal(read, 1)
})

t.test('null and undefined mean absent in an optional property, and are a problem in a required one', async (t) => {
  for (const nothing of [null, undefined]) {
    t.strictSame(checkState({ status: 'Completed', startTimeUtc: nothing, endTimeUtc: nothing, errorDetails: nothing }),
      { value: { status: 'Completed' } })
    t.strictSame(checkError({ ...details, isPermanent: nothing, moreDetails: nothing, messageParameters: nothing }), { value: details })
    t.match(checkState({ status: nothing }), { problem: 'must have required property \'status\'' })
    t.match(checkError({ ...details, message: nothing }), { problem: 'must have required property \'message\'' })
    t.match(checkError({ ...details, messageParameters: ['a', nothing] }), { problem: '/messageParameters/1 must be string' })
  }
})

t.test('Unknown properties are dropped, at any depth', async (t) => {
  const unknown = { 'x-row': 7, toJSON: () => 'hacked', [Symbol('a')]: 1 }
  t.strictSame(checkState({
    ...unknown,
    status: 'Failed',
    errorDetails: { ...unknown, ...details, moreDetails: [{ ...unknown, errorCode: 'd', message: 'e' }] }
  }), { value: { status: 'Failed', errorDetails: { ...details, moreDetails: [{ errorCode: 'd', message: 'e' }] } } })
})

t.test('The properties and getters of a class instance are copied, own and inherited ones', async (t) => {
  class Row {
    startTimeUtc = new Date(0)
    secret = 'hunter2'
    get status () { return 'Completed' }
  }
  class Job extends Row {}
  t.strictSame(checkState(new Job()), { value: { status: 'Completed', startTimeUtc: '1970-01-01T00:00:00.000Z' } })
  t.strictSame(checkState(Object.assign(Object.create(null), { status: 'Completed' })), { value: { status: 'Completed' } })
})

t.test('Every text of a copy is well-formed Unicode', async (t) => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '\ud83d', '\ude00', '😀', '\0') }), (text) => {
    const checked = checkError({
      errorCode: text, message: text, source: 'User', messageParameters: [text], moreDetails: [{ errorCode: text, message: text }]
    })
    assert.ok('value' in checked)
    const { errorCode, message, messageParameters = [], moreDetails = [] } = checked.value
    for (const each of [errorCode, message, ...messageParameters, moreDetails[0]?.message]) assert.equal(each, text.toWellFormed())
  }))
})

t.test('A sparse array is a problem, also a huge one', async (t) => {
  for (const messageParameters of [new Array(3), Object.assign(new Array(2), { 1: 'a' }), Object.assign(new Array(3), ['a']), new Array(2 ** 32 - 1)]) {
    t.match(checkError({ ...details, messageParameters }), { problem: /^\/messageParameters\/\d must be string$/ })
  }
  for (const messageParameters of [{ length: 1, 0: 'a' }, new Set(['a']), 'a', Object.assign(Object.create(Array.prototype), ['a'])]) {
    t.match(checkError({ ...details, messageParameters }), { problem: '/messageParameters must be array' })
  }
  t.strictSame(checkError({ ...details, messageParameters: runInNewContext('["a"]') }), { value: { ...details, messageParameters: ['a'] } })
})

t.test('A getter, a proxy or an iterator that throws is a problem whose text contains nothing of the error', async (t) => {
  const { proxy: revoked, revoke } = Proxy.revocable([], {})
  revoke()
  for (const value of [
    { get status () { return refuse() } },
    { status: 'Failed', get errorDetails () { return refuse() } },
    { status: 'Failed', errorDetails: { ...details, moreDetails: revoked } },
    { status: 'Failed', errorDetails: { ...details, moreDetails: Object.assign([], { [Symbol.iterator]: refuse }) } },
    new Proxy({}, { get: refuse }),
    new Proxy({}, { getPrototypeOf: refuse, has: refuse, getOwnPropertyDescriptor: refuse, get: refuse }),
    revoked
  ]) {
    t.strictSame(checkState(value), { problem: 'must be readable: a getter or a proxy of it threw' })
  }
})

t.test('A circular value is a problem, and the copy ends', async (t) => {
  const cyclic: Record<string, unknown> = { errorCode: 'a', message: 'b', source: 'User' }
  cyclic.moreDetails = [cyclic]
  cyclic.messageParameters = [cyclic]
  t.match(checkError(cyclic), { problem: '/messageParameters/0 must be string' })
  t.strictSame(checkError({ ...details, moreDetails: [{ ...details, cyclic }] }),
    { value: { ...details, moreDetails: [{ errorCode: 'a', message: 'b' }] } })
})

t.test('A problem names the place and the rule, and contains no value', async (t) => {
  const problems: Array<[value: unknown, problem: string | RegExp]> = [
    [undefined, 'must be object'], [null, 'must be object'], ['secret', 'must be object'], [7n, 'must be object'],
    [[], 'must be object'], [() => {}, 'must be object'], [{}, 'must have required property \'status\''],
    [{ status: 'secret' }, '/status must be equal to one of the allowed values: NotStarted, InProgress, Completed, Failed, Cancelled'],
    [{ status: ['Completed'] }, /^\/status must be/],
    [{ status: Object('Completed') }, /^\/status must be/],
    [{ status: 'Completed', startTimeUtc: 'secret' }, '/startTimeUtc must match format "date-time"'],
    [{ status: 'Completed', startTimeUtc: 7 }, '/startTimeUtc must be string'],
    [{ status: 'Completed', endTimeUtc: new Date(NaN) }, '/endTimeUtc must match format "date-time"'],
    [{ status: 'Failed', errorDetails: { ...details, source: 'secret' } },
      '/errorDetails/source must be equal to one of the allowed values: System, User, External'],
    [{ status: 'Failed', errorDetails: { ...details, isPermanent: 'false' } }, '/errorDetails/isPermanent must be boolean'],
    [{ status: 'Failed', errorDetails: [] }, '/errorDetails must be object']
  ]
  for (const [value, problem] of problems) {
    const checked = checkState(value)
    t.match(checked, { problem }, String(problem))
    t.notMatch(JSON.stringify(checked), 'secret')
  }
})

t.test('The copy of any value conforms to the contract, or is a problem', async (t) => {
  const near = fc.record({
    status: fc.oneof(fc.constantFrom('NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled'), fc.anything()),
    startTimeUtc: fc.oneof(fc.date(), fc.anything()),
    errorDetails: fc.oneof(fc.constant(details), fc.anything())
  }, { requiredKeys: [] })
  fc.assert(fc.property(fc.oneof(near, fc.anything({ withBigInt: true, withSparseArray: true, withNullPrototype: true })), (value) => {
    const checked = checkState(value)
    if ('value' in checked) assert.deepEqual(contractProblems('ItemJobInstanceState', JSON.parse(JSON.stringify(checked.value))), [])
    else assert.notDeepEqual(contractProblems('ItemJobInstanceState', {}), [])
  }))
})

t.test('Properties of a polluted Object.prototype are absent from a copy', async (t) => {
  const pollution = { status: 'Completed', startTimeUtc: 'x', isPermanent: 'x', headers: { a: 'b' }, statusCode: 200 }
  try {
    for (const [name, value] of Object.entries(pollution)) {
      Reflect.defineProperty(Object.prototype, name, { value, configurable: true, writable: true })
    }
    t.match(checkState({}), { problem: 'must have required property \'status\'' })
    t.strictSame(JSON.stringify(checkState(Object.create({ status: 'Failed' }))), '{"problem":"must have required property \'status\'"}')
    t.strictSame(JSON.stringify(checkState({ status: 'Failed', errorDetails: details })),
      JSON.stringify({ value: { status: 'Failed', errorDetails: details } }))
    t.equal(propertyOf({}, 'statusCode'), undefined)
    t.equal(propertyOf({ statusCode: 409 }, 'statusCode'), 409)
  } finally {
    for (const name of Object.keys(pollution)) Reflect.deleteProperty(Object.prototype, name)
  }
})

t.test('A value of a schema with other types is checked without conversion', async (t) => {
  const check = checking(Type.Object({ count: Type.Integer(), tags: Type.Optional(Type.Array(Type.Integer())) }))
  t.strictSame(check({ count: 7, tags: [1], other: 1 }), { value: { count: 7, tags: [1] } })
  t.strictSame(check({ count: 'a', tags: 1 }), { problem: '/count must be integer' })
})

t.test('A time in any RFC 3339 spelling is sent in UTC with Z', async (t) => {
  const spellings: Array<[given: string, sent: string]> = [
    ['2023-12-10T14:41:39.412Z', '2023-12-10T14:41:39.412Z'],
    ['2023-12-10t14:41:39.412z', '2023-12-10T14:41:39.412Z'],
    ['2023-12-10T14:41:39Z', '2023-12-10T14:41:39.000Z'],
    ['2023-12-10T14:41:39.4Z', '2023-12-10T14:41:39.400Z'],
    ['2023-12-10T14:41:39.4129999Z', '2023-12-10T14:41:39.412Z'],
    ['2023-12-10T14:41:39.412+00:00', '2023-12-10T14:41:39.412Z'],
    ['2023-12-10T14:41:39.412-00:00', '2023-12-10T14:41:39.412Z'],
    ['2023-12-10T20:11:39.412+05:30', '2023-12-10T14:41:39.412Z'],
    ['2023-12-31T23:30:00-01:00', '2024-01-01T00:30:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2024-02-29T00:00:00.000Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T12:00:00.000Z', '2000-02-29T12:00:00.000Z'],
    ['0000-01-01T00:00:00.000Z', '0000-01-01T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z']
  ]
  for (const [given, sent] of spellings) {
    t.equal(toUtc(given), sent, given)
    t.equal(formats['date-time'](given), true)
    t.strictSame(checkState({ status: 'Completed', startTimeUtc: given }), { value: { status: 'Completed', startTimeUtc: sent } })
  }
  fc.assert(fc.property(fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }), (date) => {
    assert.equal(toUtc(date.toISOString()), date.toISOString())
    assert.equal(isoString(date.getTime()), date.toISOString())
  }))
})

t.test('A Date is sent with its time, also from another realm, of a subclass or with another toISOString', async (t) => {
  class Moment extends Date { override toISOString () { return 'hacked' } }
  const time = Date.UTC(2023, 11, 10)
  for (const startTimeUtc of [
    new Date(time), new Moment(time), runInNewContext(`new Date(${time})`), Object.assign(new Date(time), { getTime: () => 0, toJSON: () => 'x' })
  ]) {
    t.strictSame(checkState({ status: 'Completed', startTimeUtc }), { value: { status: 'Completed', startTimeUtc: '2023-12-10T00:00:00.000Z' } })
  }
})

t.test('A time in any other format does not conform to the contract', async (t) => {
  for (const time of [
    '', 'now', '2023-12-10', '2023-12-10T14:41Z', '2023-12-10T14:41:39', '2023-12-10T14:41:39.412', '2023-12-10 14:41:39Z',
    '2023-12-10T14:41:39.Z', '2023-12-10T24:00:00Z', '2023-12-10T14:60:00Z', '2016-12-31T23:59:60Z', '2023-12-10T14:41:39+0530',
    '2023-12-10T14:41:39+24:00', '2023-12-10T14:41:39+05:60', '2023-02-29T00:00:00Z', '2023-02-29T00:00:00.000Z', '1900-02-29T00:00:00.000Z',
    '2023-02-30T00:00:00Z', '2023-04-31T00:00:00.000Z', '2023-13-01T00:00:00Z', '2023-00-10T00:00:00Z', '2023-12-00T00:00:00Z',
    '+02023-12-10T00:00:00Z', '-000001-12-10T00:00:00Z', '10000-01-01T00:00:00Z', '9999-12-31T23:59:59-01:00', '0000-01-01T00:00:00+01:00',
    ' 2023-12-10T14:41:39Z', '2023-12-10T14:41:39Z\n', '２０２３-12-10T14:41:39Z'
  ]) {
    t.equal(toUtc(time), undefined, time)
    t.equal(formats['date-time'](time), false)
    t.match(checkState({ status: 'Completed', endTimeUtc: time }), { problem: '/endTimeUtc must match format "date-time"' })
  }
  for (const time of [new Date(NaN), new Date(8.64e15), new Date(-8.64e15), new Date(Date.UTC(9999, 11, 31, 23, 59, 59, 999) + 1)]) {
    t.equal(isoString(time.getTime()), undefined)
    t.match(checkState({ status: 'Completed', endTimeUtc: time }), { problem: '/endTimeUtc must match format "date-time"' })
  }
})

t.test('A UUID has 36 characters, in upper or lower case', async (t) => {
  const { itemId } = sample
  for (const uuid of [itemId, itemId.toUpperCase(), '00000000-0000-0000-0000-000000000000']) t.equal(formats.uuid(uuid), true, uuid)
  for (const text of ['', `urn:uuid:${itemId}`, `{${itemId}}`, itemId.replaceAll('-', ''), `${itemId}\n`, ` ${itemId}`, itemId.slice(1), `g${itemId.slice(1)}`]) {
    t.equal(formats.uuid(text), false, text)
  }
})
