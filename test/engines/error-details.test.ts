import fc from 'fast-check'
import t from 'tap'

import { errorDetailsAsText, toErrorDetails } from '../../lib/engines/error-details.js'
import { WorkloadError } from '../../lib/index.js'

const DETAILS = {
  errorCode: 'SeriesTooShort',
  message: 'The series "sales" has 3 points; a forecast needs 12.',
  messageParameters: ['sales', '3', '12'],
  source: 'User',
  isPermanent: true,
  moreDetails: [{ errorCode: 'Points', message: '3 < 12', additionalParameters: [{ name: 'points', value: '3' }] }]
} as const
const error = () => new WorkloadError({
  ...DETAILS,
  messageParameters: [...DETAILS.messageParameters],
  moreDetails: [{ errorCode: 'Points', message: '3 < 12', additionalParameters: [{ name: 'points', value: '3' }] }],
  statusCode: 422,
  cause: new Error('SELECT')
})

t.test('the details of a WorkloadError are kept, in each form in which an engine stores it', async (t) => {
  t.strictSame(toErrorDetails(error()), DETAILS, 'itself')
  const copy = { ...error(), name: 'WorkloadError', message: DETAILS.message, stack: 'WorkloadError: …' }
  t.strictSame(toErrorDetails(copy), DETAILS, 'its copy')
  t.strictSame(toErrorDetails(errorDetailsAsText(error())), DETAILS, 'its text')
  t.strictSame(
    toErrorDetails({ ...DETAILS, source: 'Unknown' }),
    { errorCode: 'JobFailed', message: DETAILS.message, source: 'System' },
    'what breaks the contract is no such copy')
})

t.test('any other failure has the code JobFailed and its message', async (t) => {
  const failures: Array<[unknown, string]> = [
    [new TypeError('The disk is full.'), 'The disk is full.'],
    [{ message: 'The disk is full.', stack: 'Error: The disk is full.\n    at write (/srv/a.js:1:1)' }, 'The disk is full.'],
    ['The disk is full.', 'The disk is full.'],
    ['The disk\r\n\tis \u001b[1mfull.\0', 'The disk is [1mfull.'],
    ['{"code":507}', '{"code":507}'],
    ['{"code"', '{"code"'],
    ['The train leaves\n  at noon', 'The train leaves at noon'],
    ...[undefined, null, 7, '', ' \n', {}, { message: 7 }, [], new Error('')].map((failure): [unknown, string] =>
      [failure, 'The job failed without a message.'])
  ]
  for (const [failure, message] of failures) {
    t.strictSame(toErrorDetails(failure), { errorCode: 'JobFailed', message, source: 'System' }, JSON.stringify(failure))
  }
})

t.test('an AggregateError without a message has the messages of its errors', async (t) => {
  const refused = ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED 127.0.0.1:5432']
  const error = new AggregateError(refused.map((message) => new Error(message)))
  const message = refused.join('; ')
  t.equal(toErrorDetails(error).message, message)
  t.equal(toErrorDetails({ message: '', errors: refused.map((message) => ({ message })) }).message, message, 'its copy')
  t.equal(toErrorDetails(new AggregateError([error], 'No database.')).message, 'No database.')
  t.equal(toErrorDetails(new AggregateError([])).message, 'The job failed without a message.')
  const itself = new AggregateError([])
  itself.errors.push(itself)
  t.equal(toErrorDetails(itself).message, 'The job failed without a message.', 'which contains itself')
})

t.test('a message has no stack', async (t) => {
  const outer = new Error('outer', { cause: new Error('inner') })
  const thrown = [new Error('The disk is full.'), outer, new RangeError('two\nlines')]
  for (const { message, stack } of thrown) {
    t.equal(toErrorDetails(stack).message, `${stack?.split(':')[0]}: ${message.replace('\n', ' ')}`)
  }
  t.equal(toErrorDetails('Error: native\n    at Array.map (<anonymous>)\n    at native').message, 'Error: native')
  t.equal(toErrorDetails('Error: lost\n\tat C:\\srv\\a.js:1:1').message, 'Error: lost')
})

t.test('a message is one line of at most 1,000 characters, and no character is cut', async (t) => {
  const line = /^[^\p{Cc}\p{Surrogate}]{1,1000}$/u
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3_000, size: 'max' }),
    fc.array(fc.integer({ min: 0, max: 0xFFFF }), { maxLength: 3_000, size: 'max' }).map((units) => String.fromCharCode(...units)))
  fc.assert(fc.property(anyText, (text) => line.test(toErrorDetails(text).message)))
  t.equal(toErrorDetails('x'.repeat(1_000)).message.length, 1_000)
  t.equal(toErrorDetails('x'.repeat(1_001)).message, `${'x'.repeat(999)}…`)
  t.equal(toErrorDetails(`${'x'.repeat(998)}😀😀`).message, `${'x'.repeat(998)}…`)
  t.equal(toErrorDetails(`x${' '.repeat(9_998)}😀`).message, 'x', 'at 10,000 characters, where the text is cut first')
  t.equal(toErrorDetails(`${'x'.repeat(997)}👩‍👧${'x'.repeat(9)}`).message, `${'x'.repeat(997)}…`, 'of several code points')
  t.equal(toErrorDetails('half \uD83D').message, 'half \uFFFD')
  const frames = Array.from({ length: 1_000 }, (_, i) => `    at secret${i} (/srv/secret.js:${i}:1)`).join('\n')
  t.equal(toErrorDetails(`${'x'.repeat(9_950)}\n${frames}`).message, `${'x'.repeat(999)}…`)
})
