import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'

import type { LightMyRequestResponse } from 'fastify'
import fc from 'fast-check'
import t, { type Test } from 'tap'

import type { ItemJobInstanceState } from '../schemas/index.js'
import type { JobStateResolver } from '../lib/index.js'
import { contractProblems, holdToContract, isOnContract, pollPath, sampleState, workload } from './helpers/poll.js'

/** A host whose resolver returns any value, directly or as a promise. */
function answering (t: Test) {
  let answer: unknown
  let isAsync = false
  const app = workload(t, (() => isAsync ? Promise.resolve(answer) : answer) as JobStateResolver)
  return async (given: unknown, asPromise: boolean): Promise<LightMyRequestResponse> => {
    answer = given
    isAsync = asPromise
    return await app.inject(pollPath())
  }
}

const invalidJobState = {
  errorCode: 'InvalidJobState',
  message: 'The workload failed to report the state of the job because of an internal error.',
  source: 'System',
  isPermanent: false
}

const statuses = ['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled'] as const
const text = fc.string({ unit: 'binary', maxLength: 20 })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 3, arbitrary: value }, fc.constantFrom(undefined, null))

/** A value that a resolver may return, with the value that must be sent. */
interface Pair { given: unknown, sent: unknown }
type Pairs = Record<string, fc.Arbitrary<Pair>>

const same = <T>(value: fc.Arbitrary<T>) => value.map((each): Pair => ({ given: each, sent: each }))
const arrayOf = (value: fc.Arbitrary<Pair>) => fc.array(value, { maxLength: 3 }).map((pairs): Pair =>
  ({ given: pairs.map(({ given }) => given), sent: pairs.map(({ sent }) => sent) }))

/** Objects with all required properties, any optional ones, and some unknown ones. */
function objectOf (required: Pairs, optional: Pairs): fc.Arbitrary<Pair> {
  const strangers = fc.dictionary(fc.string({ maxLength: 8 }).map((name) => `x-${name}`), fc.anything(), { maxKeys: 2 })
  const perhaps = Object.entries(optional).map(([name, value]) => [name, maybe(value)])
  const known = fc.record({ ...required, ...Object.fromEntries(perhaps) })
  return fc.tuple(known, strangers).map(([properties, extra]): Pair => {
    const given: Record<string, unknown> = { ...extra }
    const sent: Record<string, unknown> = {}
    for (const [name, pair] of Object.entries<Pair | null | undefined>(properties)) {
      given[name] = pair ? pair.given : pair
      if (pair) sent[name] = pair.sent
    }
    return { given, sent }
  })
}

const dates = fc.date({
  min: new Date('0000-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true
})
const atOneThirty = (date: Date) => new Date(date.getTime() + 90 * 60_000).toISOString().replace('Z', '+01:30')
const time = fc.oneof(
  dates.map((date) => ({ given: date, sent: date.toISOString() })),
  dates.map((date) => ({ given: date.toISOString(), sent: date.toISOString() })),
  dates.map((date) => ({ given: atOneThirty(date), sent: date.toISOString() })),
  dates.map((date) => ({ given: runInNewContext(`new Date(${date.getTime()})`), sent: date.toISOString() }))
)
const errorDetails = objectOf({
  errorCode: same(text), message: same(text), source: same(fc.constantFrom('System', 'User', 'External'))
}, {
  messageParameters: arrayOf(same(text)),
  isPermanent: same(fc.boolean()),
  moreDetails: arrayOf(objectOf({ errorCode: same(text), message: same(text) }, {
    messageParameters: arrayOf(same(text)),
    additionalParameters: arrayOf(objectOf({ name: same(text), value: same(text) }, {}))
  }))
})
const status = same(fc.constantFrom(...statuses))
const jobState = objectOf({ status }, { startTimeUtc: time, endTimeUtc: time, errorDetails })

t.test('Every state that the contract allows is sent unchanged with 200', async (t) => {
  const answer = answering(t)
  await fc.assert(fc.asyncProperty(jobState, fc.boolean(), async ({ given, sent }, asPromise) => {
    const answered = await answer(given, asPromise)
    assert.ok(isOnContract(answered))
    assert.deepEqual([answered.statusCode, JSON.parse(answered.body)], [200, sent])
  }), { numRuns: 300 })
})

t.test('A class instance with the properties or getters of a state is sent as a state', async (t) => {
  class Job {
    #done = true
    startTimeUtc = new Date(0)
    secret = 'hunter2'
    get status (): ItemJobInstanceState['status'] { return this.#done ? 'Completed' : 'InProgress' }
    toJSON () { return { hacked: true } }
  }
  t.same(holdToContract(t, await answering(t)(new Job(), true)),
    { status: 'Completed', startTimeUtc: '1970-01-01T00:00:00.000Z' })
})

t.test('A frozen state is sent, and also one with a circular unknown property', async (t) => {
  const state: Record<string, unknown> = { ...sampleState }
  state.self = state
  t.same(holdToContract(t, await answering(t)(Object.freeze(state), false)), sampleState)
})

t.test('A resolver may return any thenable', async (t) => {
  const thenable = { then (fulfilled: (state: unknown) => void) { fulfilled(sampleState); fulfilled({}) } }
  t.same(holdToContract(t, await answering(t)(thenable, false)), sampleState)

  const failing = { then () { throw Object.assign(new Error('Held.'), { statusCode: 409 }) } }
  t.match(holdToContract(t, await answering(t)(failing, false)), { errorCode: 'Conflict', message: 'Held.' })
  t.same(holdToContract(t, await answering(t)({ ...sampleState, then: 'a property' }, false)), sampleState)
})

t.test('The response is 404 when the resolver returns null or undefined', async (t) => {
  for (const answer of [null, undefined]) {
    for (const asPromise of [false, true]) {
      const answered = await answering(t)(answer, asPromise)
      t.equal(answered.statusCode, 404)
      t.match(holdToContract(t, answered), { errorCode: 'JobInstanceNotFound' })
    }
  }
})

const refuse = () => { throw new Error('hunter2') }
const cyclic: Record<string, unknown> = { errorCode: 'a', message: 'b', source: 'User' }
cyclic.moreDetails = [cyclic, cyclic.moreDetails]
cyclic.messageParameters = [cyclic]
const { proxy: revoked, revoke } = Proxy.revocable([], {})
revoke()
const details = { errorCode: 'a', message: 'b', source: 'User' }
/** Reading any property except `then` throws; JavaScript itself reads `then`. */
const throwingProxy = new Proxy({}, { get: (_, name) => name === 'then' ? undefined : refuse() })

t.test('The response to an invalid state is 500 InvalidJobState', async (t) => {
  const answer = answering(t)

  const badStatuses = [
    'running', 'completed', 'COMPLETED', 'Completed ', 'Canceled', '', 'Deduped', 'toString', '__proto__', null, undefined, 0,
    ['Completed'], Object('Completed'), { toString: () => 'Completed', toJSON: () => 'Completed' }
  ]
  const badTimes = [
    '', 'now', '2023-12-10T14:41:39.412', '2023-12-10', '2023-12-10 14:41:39Z', '2023-02-30T00:00:00Z',
    '10000-01-01T00:00:00Z', 1702219299412, 1n, true, {}, [], new Date(NaN), new Date(8.64e15), new Date(-8.64e15),
    Object('2023-12-10T14:41:39Z')
  ]
  const badErrorDetails = [
    'no', 7, [], {}, () => {}, new Error('no'), cyclic,
    ...[
      { source: 'Nobody' }, { source: 'user' }, { errorCode: 7 }, { message: null },
      { isPermanent: 'false' }, { isPermanent: 0 },
      { messageParameters: 'a' }, { messageParameters: ['a', 7] }, { messageParameters: ['a', null] },
      { messageParameters: new Array(3) }, { messageParameters: { length: 1, 0: 'a' } }, { messageParameters: new Set() },
      { moreDetails: {} }, { moreDetails: [null] }, { moreDetails: [[]] }, { moreDetails: [{ errorCode: 'a' }] },
      { moreDetails: [{ errorCode: 'a', message: 'b', additionalParameters: [{ name: 'a', value: 7 }] }] },
      { moreDetails: new Proxy([], { get: refuse }) }, { moreDetails: revoked }
    ].map((properties) => ({ ...details, ...properties })),
    { ...details, get source () { return refuse() } },
    new Proxy({}, { get: refuse })
  ]
  const named: [what: string, given: unknown][] = [
    ['a BigInt', 7n],
    ['a symbol', Symbol('Completed')],
    ['a string', 'Completed'],
    ['an empty string', ''],
    ['a boxed string', Object('Completed')],
    ['zero', 0],
    ['true', true],
    ['an array', [sampleState]],
    ['an empty array', []],
    ['a function', () => sampleState],
    ['a Date', new Date()],
    ['a Map', new Map([['status', 'Failed']])],
    ['an Error', new Error('Failed')],
    ['an empty object', {}],
    ['a getter that throws', Object.defineProperty({}, 'status', { get: refuse })],
    ['a proxy that throws', throwingProxy],
    ...badStatuses.map((status, i): [string, unknown] => [`status ${i}: ${typeof status} ${status}`, { status }]),
    ...badTimes.flatMap((time): [string, unknown][] => ['startTimeUtc', 'endTimeUtc'].map((name) =>
      [`${name}: ${typeof time} ${time}`, { status: 'Completed', [name]: time }])),
    ...badErrorDetails.map((errorDetails, i): [string, unknown] => [`errorDetails ${i}`, { status: 'Failed', errorDetails }])
  ]
  for (const [what, given] of named) {
    t.test(`The response is 500 InvalidJobState when the resolver returns an invalid state: ${what}`, async (t) => {
      for (const asPromise of [false, true]) {
        const answered = await answer(given, asPromise)
        t.equal(answered.statusCode, 500)
        t.strictSame(holdToContract(t, answered), invalidJobState)
      }
    })
  }

  t.test('The response is 500 InvalidJobState for any invalid value of any property', async (t) => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true
    }).filter((value) => value !== null && value !== undefined)
    const not = (type: 'string' | 'boolean') =>
      anything.filter((value) => type === 'string' ? typeof value !== 'string' : typeof value !== 'boolean')
    const notATime = anything.filter((value) => !(value instanceof Date && !isNaN(value.getTime())))
    const notAnObject = anything.filter((value) => typeof value !== 'object' || Array.isArray(value))
    const notAnArray = anything.filter((value) => !Array.isArray(value))
    const state = (properties: object) => ({ ...sampleState, ...properties })
    const failed = (properties: object) => ({ status: 'Failed', errorDetails: { ...details, ...properties } })
    const detail = (properties: object) => failed({ moreDetails: [{ errorCode: 'a', message: 'b', ...properties }] })
    const breaks = fc.oneof(
      notAnObject,
      fc.constantFrom({ status: null }, { status: undefined }).map(state),
      fc.constantFrom(...Object.keys(details)).chain((name) =>
        fc.constantFrom(null, undefined).map((nothing) => failed({ [name]: nothing }))),
      anything.map((status) => state({ status })),
      fc.constantFrom('startTimeUtc', 'endTimeUtc').chain((name) => notATime.map((time) => state({ [name]: time }))),
      notAnObject.map((errorDetails) => state({ errorDetails })),
      fc.constantFrom('errorCode', 'message').chain((name) =>
        fc.oneof(
          not('string').map((value) => failed({ [name]: value })), not('string').map((value) => detail({ [name]: value }))
        )),
      anything.map((source) => failed({ source })),
      not('boolean').map((isPermanent) => failed({ isPermanent })),
      fc.constantFrom('messageParameters', 'moreDetails').chain((name) =>
        notAnArray.map((value) => failed({ [name]: value }))),
      not('string').map((parameter) => failed({ messageParameters: ['a', parameter] })),
      notAnObject.map((each) => failed({ moreDetails: [each] })),
      notAnArray.map((additionalParameters) => detail({ additionalParameters })),
      fc.constantFrom('name', 'value').chain((name) => not('string').map((value) =>
        detail({ additionalParameters: [{ name: 'a', value: 'b', [name]: value }] })))
    )
    await fc.assert(fc.asyncProperty(breaks, fc.boolean(), async (given, asPromise) => {
      const answered = await answer(given, asPromise)
      assert.ok(isOnContract(answered))
      assert.deepEqual([answered.statusCode, JSON.parse(answered.body)], [500, invalidJobState])
    }), { numRuns: 500 })
  })

  t.test('The response to any returned value conforms to the contract, and is 200 only for a valid state', async (t) => {
    const near = fc.record({
      status: fc.oneof(fc.constantFrom(...statuses), fc.anything()),
      startTimeUtc: fc.oneof(fc.date(), fc.anything()),
      endTimeUtc: fc.oneof(fc.date().map(String), fc.anything()),
      errorDetails: fc.oneof(fc.constant(details), fc.anything())
    }, { requiredKeys: [] })
    await fc.assert(fc.asyncProperty(fc.oneof(near, fc.anything()), fc.boolean(), async (given, asPromise) => {
      const answered = await answer(given, asPromise)
      assert.ok(isOnContract(answered), answered.body)
      if (contractProblems('ItemJobInstanceState', given).length === 0) assert.equal(answered.statusCode, 200)
    }), { numRuns: 500 })
  })
})

t.test('The response is 500 when reading `then` of the returned value throws', async (t) => {
  for (const given of [
    Object.defineProperty({ ...sampleState }, 'then', { get: refuse }), new Proxy({}, { get: refuse, has: refuse })
  ]) {
    for (const resolve of [() => given, async () => given]) {
      const answered = await workload(t, resolve as unknown as JobStateResolver).inject(pollPath())
      t.equal(answered.statusCode, 500)
      t.match(holdToContract(t, answered), { errorCode: 'InternalError' })
    }
  }
})
