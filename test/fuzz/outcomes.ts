import { runInNewContext } from 'node:vm'

import { type JobStateContext, WorkloadError } from '../../lib/index.js'
import type { Random } from './random.js'

/** The outcome of a resolver: a value that it returns or throws, and the expected status. */
export interface Outcome {
  name: string
  isThrown: boolean
  make: (random: Random, context: JobStateContext) => unknown
  statuses: readonly number[]
}

const refuse = (): never => { throw new Error('a getter that throws') }
const refusing: ProxyHandler<object> = Object.fromEntries(
  ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor', 'isExtensible'].map((trap) => [trap, refuse]))

function revoked (target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

/** Defines a getter that throws for each of these names. */
function throwingOn (value: object, ...names: string[]): object {
  return Object.defineProperties(value, Object.fromEntries(names.map((name) => [name, { get: refuse }])))
}

// Created once, because it is slow.
const inOtherRealm: (code: string) => unknown = runInNewContext('eval')
const manyErrors = Array(100_000).fill(new Error('one of many'))
const deepCause = Array.from({ length: 2_000 }).reduce((cause) => new Error('deep', { cause }), undefined)

const STATUSES = ['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled']
const LETTERS = [...'abc"\\/<>\u2028\0\n\t', 'ä', '😀', '\ud800', 'eyJ']

/** A valid state, in the forms that a resolver may return. */
function state (random: Random): Record<string, unknown> {
  const text = () => random.text(LETTERS, 10)
  const time = () => {
    const date = new Date(random.between(-1e12, 4e12))
    return random.pick([
      date, date.toISOString(), date.toISOString().replace('Z', '+01:30'), null, undefined, inOtherRealm('new Date()')
    ])
  }
  const details = () => ({
    errorCode: text(),
    message: text(),
    source: random.pick(['System', 'User', 'External']),
    isPermanent: random.pick([true, false, null, undefined]),
    messageParameters: random.pick([null, undefined, [], [text(), text()]]),
    moreDetails: random.pick([null, [], [{ errorCode: text(), message: text(), additionalParameters: [{ name: text(), value: text() }] }]])
  })
  return {
    status: random.pick(STATUSES),
    startTimeUtc: time(),
    endTimeUtc: time(),
    errorDetails: random.pick([null, undefined, details(), Object.freeze(details())]),
    [random.pick(['row', 'toJSON', '__proto__', 'length', 'constructor'])]: random.pick([7n, refuse, Symbol('x'), {}, null])
  }
}

type Named = Record<string, Outcome['make']>

const states: Named = {
  'a state': state,
  'a frozen state': (random) => Object.freeze(state(random)),
  'a state behind a proxy': (random) => new Proxy(state(random), {}),
  'a state of another realm': () => inOtherRealm('({ status: "Completed", endTimeUtc: new Date(0) })'),
  'a state with a getter': () => ({ get status () { return 'InProgress' } }),
  'a state of a class': () => new (class { status = 'Failed'; toJSON = refuse })(),
  'a state that is a function\'s prototype': () => Object.create({ status: 'Cancelled' }),
  'a large state': (random) => ({
    status: 'Failed',
    errorDetails: {
      errorCode: 'Large', message: 'no '.repeat(random.between(1, 30_000)), source: 'User', messageParameters: Array(1000).fill('p')
    }
  })
}

const nothings: Named = { null: () => null, undefined: () => undefined }

const breaches: Named = {
  'a value of another type': (random) => random.pick([0, '', 'Completed', true, 7n, Symbol('x'), [], [1], () => {}, NaN, new Date()]),
  'an empty object': (random) => random.pick([{}, Object.create(null), new Map(), new Error('Failed'), /x/, new Uint8Array(3)]),
  'an unknown status': (random) => ({
    status: random.pick(['Deduped', 'completed', '', null, undefined, 0, ['Completed'], {}, Object('Completed'), Symbol('Completed'), 1n])
  }),
  'a status that changes': () => {
    let reads = 0
    return { get status () { return ++reads > 1 ? 'Completed' : 'running' } }
  },
  'no time': (random) => ({
    ...state(random),
    startTimeUtc: random.pick(['', 'now', '2023-12-10T14:41:39', '2023-02-30T00:00:00Z', 0, 1n, {}, new Date(NaN), Symbol('x'), true])
  }),
  'bad error details': (random) => ({
    status: 'Failed',
    errorDetails: random.pick([
      7, 'x', [], {}, new Error('x'), { errorCode: 'a', message: 'b', source: 'Nobody' }, { errorCode: 'a', message: 'b', source: Symbol('x') },
      { errorCode: 'a', message: 'b', source: 'User', moreDetails: [null] }, { errorCode: 1, message: 2, source: 3 },
      { errorCode: 'a', message: 'b', source: 'User', moreDetails: Array(10_000).fill(0) }, revoked({}), revoked([]),
      { errorCode: 'a', message: 'b', source: 'User', messageParameters: new Proxy([1], refusing) }
    ])
  }),
  'a getter that throws': (random) => throwingOn({ status: 'Completed' }, random.pick(['status', 'startTimeUtc', 'errorDetails'])),
  'a proxy that throws except for then': () => new Proxy({}, { get: (_, name) => name === 'then' ? undefined : refuse() })
}

const httpErrors: Record<string, [make: Outcome['make'], statuses: readonly number[]]> = {
  ...Object.fromEntries([400, 404, 408, 409, 422, 425, 429, 451, 499, 500, 502, 503, 504, 511, 599].map((statusCode) => [
    `an HTTP error ${statusCode}`,
    [(random: Random) => Object.assign(new Error(random.text(LETTERS, 30)), {
      statusCode,
      expose: random.pick([true, false, undefined, 'yes', 0]),
      errorCode: random.pick([undefined, '', 'Own', 7, null, Symbol('x'), {}]),
      headers: { 'content-type': 'text/html', 'set-cookie': 'a=b', 'content-length': '3' }
    }), [statusCode]]
  ])),
  'a WorkloadError': [(random) => new WorkloadError({
    statusCode: 409, errorCode: 'Held', message: random.text(LETTERS, 30), source: 'External', cause: random.pick([refuse, null, 'x', new Error('x')])
  }), [409]],
  'a frozen WorkloadError': [() => Object.freeze(new WorkloadError({
    statusCode: 503, errorCode: 'Held', message: 'Frozen.', source: 'System'
  })), [503]],
  'a WorkloadError that was made invalid': [(random) => Object.assign(
    new WorkloadError({ statusCode: 409, errorCode: 'Held', message: 'Spoiled.', source: 'User' }),
    random.pick([{ source: 'Nobody' }, { message: 7 }, { moreDetails: 'x' }, { errorCode: undefined }])
  ), [409]],
  'a WorkloadError without a status': [(random) => Object.assign(
    new WorkloadError({ statusCode: 409, errorCode: 'Held', message: 'Spoiled.', source: 'User' }),
    { statusCode: random.pick([200, 0, 999, '409', NaN, null, undefined, 404.5]) }
  ), [500]],
  'a plain object with a status': [() => ({ statusCode: 418, message: 'a teapot' }), [418]],
  'a frozen object with a status': [() => Object.freeze({ statusCode: 418, message: 'a teapot', validation: [], code: 'FST_ERR_VALIDATION' }), [418]]
}

const throwables: Named = {
  nothing: (random) => random.pick([undefined, null]),
  'a value of another type': (random) => random.pick([0, '', 'eyJhbGciOiJub25lIn0.e30.', true, 7n, Symbol('x'), NaN, -0, [], () => {}, refuse]),
  'an error': (random) => new (random.pick([Error, TypeError, RangeError]))(random.text(LETTERS, 30)),
  'an error of another realm': () => inOtherRealm('new TypeError("x")'),
  'a frozen error': () => Object.freeze(new Error('frozen')),
  'an error whose properties are not text': (random) => Object.assign(new Error('x'), {
    name: random.pick([null, 7, Symbol('x'), {}]),
    message: random.pick([null, 7n, Symbol('x'), { toString: refuse }, new Proxy({}, refusing)]),
    stack: random.pick([null, 7, Symbol('x'), { toString: refuse }]),
    code: random.pick([7, 'eyJ0.e30.', null, {}])
  }),
  'an error whose getters throw': (random) => throwingOn(
    new Error('x'), random.pick(['message', 'name', 'stack', 'statusCode', 'cause', 'code', 'errorCode', 'expose', 'headers', 'status', 'then', 'toJSON'])),
  'an error with an invalid status': (random) => Object.assign(new Error('x'), {
    statusCode: random.pick([0, 1, 99, 100, 101, 200, 204, 302, 304, 399, 600, 1000, -1, 404.5, '404', NaN, Infinity, null, Symbol('x')])
  }),
  'an error that is its own cause': () => {
    const error = new Error('x')
    return Object.assign(error, { cause: error })
  },
  'an error with nested causes': () => deepCause,
  'an error with a cause that throws': (random) => new Error('x', { cause: random.pick([new Proxy({}, refusing), revoked({}), throwingOn(new Error('y'), 'message')]) }),
  'an aggregate of anything': (random) => Object.assign(new AggregateError([1, new Error('x'), null]), {
    errors: random.pick([null, undefined, 7, 'x', {}, [[]], new Proxy([], refusing), manyErrors])
  }),
  'a proxy': (random) => random.pick([new Proxy({}, refusing), new Proxy(new Error('x'), refusing), revoked({}), revoked(new Error('x')), revoked(refuse)]),
  'an object whose getters throw': () => throwingOn({}, 'message', 'statusCode', 'name', 'stack', 'then', 'toString'),
  'an object without prototype': () => Object.create(null),
  'a frozen object': () => Object.freeze({ message: 'frozen', name: 'x' }),
  'a promise': () => Promise.resolve('x'),
  'a thenable': () => ({ then: refuse }),
  'an error like those of Fastify': () => Object.assign(new Error('x'), { code: 'FST_ERR_VALIDATION', validation: [{ message: 'x' }], validationContext: 'params' }),
  'an abort': () => AbortSignal.abort().reason,
  'a large error': (random) => new Error('no '.repeat(random.between(1, 30_000))),
  'an error that contains the tokens': (random, { request: { headers } }) => {
    const { authorization } = headers
    const error = new Error(`refused: ${authorization}`, { cause: new Error(String(authorization), { cause: authorization }) })
    return random.pick([error, authorization, { headers, message: authorization }, Object.assign(error, { config: { headers }, name: authorization, code: authorization })])
  }
}

const outcome = (isThrown: boolean, statuses: readonly number[]) => ([name, make]: [string, Outcome['make']]): Outcome =>
  ({ name: `${isThrown ? 'throws' : 'gives'} ${name}`, isThrown, make, statuses })

/** All outcomes of a resolver. */
export const outcomes: readonly Outcome[] = [
  ...Object.entries(states).map(outcome(false, [200])),
  ...Object.entries(nothings).map(outcome(false, [404])),
  ...Object.entries(breaches).map(outcome(false, [500])),
  ...Object.entries(httpErrors).map(([name, [make, statuses]]) => outcome(true, statuses)([name, make])),
  ...Object.entries(throwables).map(outcome(true, [500]))
]
