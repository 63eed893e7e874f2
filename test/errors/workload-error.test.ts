import assert from 'node:assert/strict'

import fc from 'fast-check'
import t from 'tap'

import { toErrorResponse, WorkloadError, type WorkloadErrorOptions } from '../../lib/index.js'
import { contractProblems } from '../helpers/poll.js'

const held = {
  statusCode: 409,
  errorCode: 'Held',
  message: 'Another run uses it.',
  messageParameters: ['a'],
  source: 'User',
  isPermanent: false,
  moreDetails: [{ errorCode: 'Lock', message: 'Locked.', additionalParameters: [{ name: 'by', value: 'b' }] }]
} as const

/** Creates a WorkloadError from options that the types do not allow. */
const made = (options: unknown) => new WorkloadError(options as WorkloadErrorOptions)

t.test('WorkloadError checks its options', async (t) => {
  t.test('A WorkloadError is an Error with the properties of its response', async (t) => {
    const cause = new Error('row locked')
    const error = made({ ...held, cause })
    t.ok(error instanceof Error)
    t.match(error, { ...held, name: 'WorkloadError', cause })
    t.match(error.stack, /^WorkloadError: Another run uses it\.\n.+workload-error\.test/)
    t.equal(String(error), 'WorkloadError: Another run uses it.')
  })

  t.test('A WorkloadError has a cause only if one was given', async (t) => {
    t.notOk('cause' in made(held))
    t.ok('cause' in made({ ...held, cause: undefined }))
  })

  t.test('WorkloadError treats null as absent and drops unknown properties', async (t) => {
    const error = made({ ...held, isPermanent: null, moreDetails: undefined, secret: 'x' })
    t.notOk('isPermanent' in error)
    t.notOk('moreDetails' in error)
    t.notOk('secret' in error)
  })

  t.test('A WorkloadError does not change when the objects of its options change', async (t) => {
    const messageParameters = ['a']
    const error = made({ ...held, messageParameters })
    messageParameters.push('b')
    t.same(error.messageParameters, ['a'])
  })

  const { statusCode: _, ...answer } = held
  for (const [what, options, message] of [
    ['no options', undefined, 'WorkloadError: must be object'],
    ['a message alone', 'no', 'WorkloadError: must be object'],
    ['an empty object', {}, "WorkloadError: must have required property 'errorCode'"],
    ['an unknown source', { ...held, source: 'user' },
      'WorkloadError: source must be equal to one of the allowed values: System, User, External'],
    ['an isPermanent that is not a boolean', { ...held, isPermanent: 'no' },
      'WorkloadError: isPermanent must be boolean'],
    ['an invalid detail', { ...held, moreDetails: [{ errorCode: 'a' }, 'b'] },
      "WorkloadError: moreDetails/0 must have required property 'message'"],
    ['no statusCode', answer, 'WorkloadError: statusCode must be an integer from 400 to 599'],
    ...[200, 399, 600, 404.5, '404', NaN, null].map((statusCode) => [
      `the statusCode ${typeof statusCode} ${statusCode}`, { ...held, statusCode },
      'WorkloadError: statusCode must be an integer from 400 to 599'
    ] as const)
  ] as const) {
    t.test(`WorkloadError throws a TypeError for ${what}`, async (t) => {
      t.throws(() => made(options), new TypeError(message))
    })
  }

  t.test('A WorkloadError can be created from any ErrorResponse, which is then its response', async (t) => {
    const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
    const strings = maybe(fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }))
    const text = fc.string({ unit: 'binary' })
    const answers = fc.record({
      errorCode: text,
      message: text,
      messageParameters: strings,
      source: fc.constantFrom('System', 'User', 'External'),
      isPermanent: maybe(fc.boolean()),
      moreDetails: maybe(fc.array(fc.record({
        errorCode: text,
        message: text,
        messageParameters: strings,
        additionalParameters: maybe(fc.array(fc.record({ name: text, value: text }), { maxLength: 2 }))
      }), { maxLength: 2 }))
    })
    fc.assert(fc.property(answers, fc.integer({ min: 400, max: 599 }), (body, statusCode) => {
      const expected = JSON.parse(JSON.stringify(body))
      assert.deepEqual(contractProblems('ErrorResponse', expected), [])
      assert.deepEqual(toErrorResponse(made({ ...body, statusCode })), { statusCode, body: expected })
    }))
  })
})
