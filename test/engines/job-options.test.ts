import t from 'tap'

import { checkJobType, creationPayload } from '../../lib/engines/job-options.js'
import { someJob } from './polling.js'

t.test('a job type that is not in jobTypes is 400 UnknownJobType, also one named like a member of Object.prototype', async (t) => {
  const check = checkJobType(['calculateForecast', 'toString'])
  t.doesNotThrow(() => check(someJob()))
  t.doesNotThrow(() => check(someJob({ jobType: 'toString' })))
  for (const jobType of ['CalculateForecast', 'constructor', '__proto__', 'hasOwnProperty', 'length', '0', '']) {
    t.throws(() => check(someJob({ jobType })), {
      statusCode: 400,
      errorCode: 'UnknownJobType',
      message: `The workload does not support jobs of the type "${jobType}".`,
      messageParameters: [jobType],
      source: 'User',
      isPermanent: true
    }, jobType)
  }
})

t.test('jobTypes that are not an array of names are refused at registration', async (t) => {
  for (const jobTypes of [undefined, null, {}, 'calculateForecast', [], [''], [7], [undefined]]) {
    t.throws(() => Reflect.apply(checkJobType, undefined, [jobTypes]), { name: 'TypeError', message: /jobTypes is an array/ })
  }
})

t.test('the data of a job is its creationPayload, or an empty object', async (t) => {
  const job = someJob()
  t.strictSame(creationPayload(job, { invokeType: 'Manual', creationPayload: { points: 12 } }), { points: 12 })
  t.strictSame(creationPayload(job, { invokeType: 'Manual' }), {})
})
