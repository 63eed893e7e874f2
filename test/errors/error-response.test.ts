import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { runInNewContext } from 'node:vm'

import sensible from '@fastify/sensible'
import fc from 'fast-check'
import t from 'tap'

import { toErrorResponse, WorkloadError } from '../../lib/index.js'
import { contractProblems, holdToContract, host, pollPath, workload } from '../helpers/poll.js'

const internalError = {
  statusCode: 500,
  body: {
    errorCode: 'InternalError',
    message: 'The workload failed because of an internal error.',
    source: 'System',
    isPermanent: false
  }
}

const httpError = (statusCode: unknown, properties: object = {}) =>
  Object.assign(new Error('What happened.'), { statusCode }, properties)

const refuse = () => { throw new Error('no') }
const refusing = (name: string, error = new Error('no')) => Object.defineProperty(error, name, { get: refuse })

const itsOwnCause = new Error('no')
itsOwnCause.cause = itsOwnCause

const thrownByJavaScript: [what: string, thrown: unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['false', false],
  ['a number', 404],
  ['a BigInt', 404n],
  ['a string', 'no'],
  ['a symbol', Symbol('no')],
  ['an array', [404]],
  ['a function', Object.assign(() => {}, { statusCode: 404 })],
  ['an object', { message: 'no' }],
  ['an object without a prototype', Object.create(null)],
  ['an error', new Error('no')],
  ['an error of another realm', runInNewContext('new RangeError("no")')],
  ['a frozen error', Object.freeze(new Error('no'))],
  ['an AggregateError', new AggregateError([new Error('a'), new Error('b')], 'no')],
  ['an error that is its own cause', itsOwnCause],
  ['an error without message and stack', Object.assign(new Error(), { message: undefined, stack: undefined })],
  ['an error with a statusCode that throws', refusing('statusCode')],
  ['an error with a message that throws', refusing('message', httpError(404))],
  ['an error with a stack that throws', refusing('stack')],
  ['an error with a cause that throws', refusing('cause')],
  ['a proxy whose traps throw', new Proxy({}, { get: refuse, getPrototypeOf: refuse, has: refuse })],
  ...['404', 404.5, 399, 600, 200, 0, -404, NaN, Infinity, null, Object(404), [404], 404n]
    .map((statusCode): [string, unknown] =>
      [`an error with the statusCode ${typeof statusCode} ${statusCode}`, httpError(statusCode)])
]

t.test('Any thrown value becomes an ErrorResponse', async (t) => {
  for (const [what, thrown] of thrownByJavaScript) {
    t.test(`The response is 500 InternalError when ${what} is thrown`, async (t) => {
      t.strictSame(toErrorResponse(thrown), internalError)
      for (const resolve of [() => { throw thrown }, async () => { throw thrown }]) {
        const answer = await workload(t, resolve).inject(pollPath())
        t.equal(answer.statusCode, 500)
        t.same(holdToContract(t, answer), internalError.body)
      }
    })
  }

  t.test('The response to any thrown value conforms to the contract', async (t) => {
    const thrown = fc.oneof(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
      fc.record({
        statusCode: fc.oneof(fc.integer({ min: 390, max: 610 }), fc.anything()),
        errorCode: fc.anything(),
        message: fc.anything(),
        expose: fc.anything(),
        source: fc.anything(),
        isPermanent: fc.anything(),
        moreDetails: fc.anything()
      }, { requiredKeys: ['statusCode'] })
    )
    fc.assert(fc.property(thrown, (error) => {
      const { statusCode, body } = toErrorResponse(error)
      assert.ok(Number.isInteger(statusCode) && statusCode >= 400 && statusCode <= 599)
      assert.deepEqual(contractProblems('ErrorResponse', JSON.parse(JSON.stringify(body))), [])
    }), { numRuns: 300 })
  })
})

t.test('An HTTP error determines the status, the errorCode and the message of the response', async (t) => {
  t.test('The errorCode of an HTTP error is the name of its status', async (t) => {
    const names = {
      400: 'BadRequest',
      401: 'Unauthorized',
      404: 'NotFound',
      409: 'Conflict',
      414: 'URITooLong',
      451: 'UnavailableForLegalReasons',
      500: 'InternalServerError',
      503: 'ServiceUnavailable',
      505: 'HTTPVersionNotSupported'
    }
    for (const [statusCode, name] of Object.entries(names)) {
      const answer = toErrorResponse(httpError(Number(statusCode)))
      t.match(answer, { statusCode: Number(statusCode), body: { errorCode: name } })
    }
    for (const statusCode of Object.keys(STATUS_CODES).map(Number).filter((status) => status >= 400)) {
      t.match(toErrorResponse(httpError(statusCode)).body.errorCode, /^[A-Za-z]+$/, String(statusCode))
    }
  })

  t.test('An HTTP error with an unknown status gets the errorCode of the first status of its class', async (t) => {
    t.strictSame(toErrorResponse(httpError(499)), {
      statusCode: 499,
      body: { errorCode: 'BadRequest', message: 'What happened.', source: 'User', isPermanent: true }
    })
    t.strictSame(toErrorResponse(httpError(599)), {
      statusCode: 599,
      body: {
        errorCode: 'InternalServerError',
        message: 'The workload responded: Internal Server Error.',
        source: 'System',
        isPermanent: false
      }
    })
  })

  t.test('A 4xx has the source User and is permanent except 408, 425 and 429; a 5xx has the source System', async (t) => {
    for (let statusCode = 400; statusCode < 600; statusCode++) {
      t.match(toErrorResponse(httpError(statusCode)).body, {
        source: statusCode < 500 ? 'User' : 'System',
        isPermanent: statusCode < 500 && ![408, 425, 429].includes(statusCode)
      }, String(statusCode))
    }
  })

  t.test('The message of a 4xx is sent, and that of a 5xx only if expose is true', async (t) => {
    const message = (error: unknown) => toErrorResponse(error).body.message
    t.equal(message(httpError(404)), 'What happened.')
    t.equal(message(httpError(404, { expose: true })), 'What happened.')
    t.equal(message(httpError(404, { expose: false })), 'The workload responded: Not Found.')
    t.equal(message(httpError(503)), 'The workload responded: Service Unavailable.')
    t.equal(message(httpError(503, { expose: true })), 'What happened.')
    t.equal(message(httpError(503, { expose: 'true' })), 'The workload responded: Service Unavailable.')
    t.equal(message(httpError(404, { message: '' })), 'The workload responded: Not Found.')
    t.equal(message(httpError(404, { message: 7 })), 'The workload responded: Not Found.')
  })

  t.test('The errorCode of an HTTP error is sent, and an object with a statusCode is treated like an error', async (t) => {
    t.equal(toErrorResponse(httpError(404, { errorCode: 'NoForecast' })).body.errorCode, 'NoForecast')
    for (const errorCode of ['', 7, null, {}]) {
      t.equal(toErrorResponse(httpError(404, { errorCode })).body.errorCode, 'NotFound')
    }
    t.strictSame(toErrorResponse({ statusCode: 404 }), {
      statusCode: 404,
      body: { errorCode: 'NotFound', message: 'The workload responded: Not Found.', source: 'User', isPermanent: true }
    })
  })

  t.test('An HTTP error of @fastify/sensible becomes an ErrorResponse', async (t) => {
    const app = host(t)
    await app.register(sensible)
    t.strictSame(toErrorResponse(app.httpErrors.conflict('Held.')), {
      statusCode: 409,
      body: { errorCode: 'Conflict', message: 'Held.', source: 'User', isPermanent: true }
    })
    t.strictSame(toErrorResponse(app.httpErrors.badGateway('db1:5432')), {
      statusCode: 502,
      body: {
        errorCode: 'BadGateway', message: 'The workload responded: Bad Gateway.', source: 'System', isPermanent: false
      }
    })
    const exposed = app.httpErrors.createError(503, 'Back at noon.', { expose: true })
    t.equal(toErrorResponse(exposed).body.message, 'Back at noon.')
  })
})

t.test('A WorkloadError determines the response', async (t) => {
  const error = () => new WorkloadError({ statusCode: 409, errorCode: 'Held', message: 'Held.', source: 'External' })

  t.test('A WorkloadError has the response that its options describe', async (t) => {
    t.strictSame(toErrorResponse(error()),
      { statusCode: 409, body: { errorCode: 'Held', message: 'Held.', source: 'External' } })
  })

  t.test('A subclass of WorkloadError has the response that its options describe', async (t) => {
    class Held extends WorkloadError {
      constructor () {
        super({ statusCode: 423, errorCode: 'Held', message: 'Held.', source: 'User', isPermanent: false })
      }
    }
    t.strictSame(toErrorResponse(new Held()),
      { statusCode: 423, body: { errorCode: 'Held', message: 'Held.', source: 'User', isPermanent: false } })
  })

  t.test('A WorkloadError that was changed against the contract becomes an HTTP error or a 500', async (t) => {
    t.match(toErrorResponse(Object.assign(error(), { source: 'Nobody' })), { statusCode: 409, body: { source: 'User' } })
    t.strictSame(toErrorResponse(Object.assign(error(), { statusCode: 200 })), internalError)
    t.strictSame(toErrorResponse(refusing('message', error())), internalError)
  })
})
