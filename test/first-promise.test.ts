import fc from 'fast-check'
import t from 'tap'

import type { CreateJobInstance, JobStateResolver } from '../lib/index.js'
import { fabricJobs, WorkloadError } from '../lib/index.js'
import { host, isOnContract, pollPath, sample, sampleState, workload } from './helpers/poll.js'

// A failure prints the seed and the path of the poll that failed: SEED=… repeats the run.
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)

const wild = fc.string({ unit: 'binary', maxLength: 60 }).map(encodeURIComponent)
const hostile = fc.constantFrom(
  '', '%00', '%2F', '%2e%2e%2f', '%25', '%2541', '*', ':id', '__proto__', 'urn:uuid:', "'", '%F0%9F%93%88'
)
const uuid = fc.oneof({ weight: 9, arbitrary: fc.uuid() }, fc.uuid().map((id) => id.toUpperCase()), wild, hostile)
const type = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(sample.itemType, sample.jobType) }, wild, hostile)
const poll = fc.record({
  // Clients remove path segments of one or two dots.
  url: fc.record({ workspaceId: uuid, itemType: type, itemId: uuid, jobType: type, jobInstanceId: uuid })
    .filter((parts) => Object.values(parts).every((part) => !/^\.\.?$/.test(part)))
    .map((parts) => pollPath(parts)),
  headers: fc.dictionary(
    fc.constantFrom(
      'authorization', 'activityid', 'requestid', 'x-ms-client-tenant-id', 'accept', 'content-type', 'range', 'expect'
    ),
    fc.string({ unit: fc.constantFrom(...'abc-"=; ,/*0') })
  )
})

const near = fc.record({
  status: fc.oneof(
    fc.constantFrom('NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled'), fc.string(), fc.anything()
  ),
  startTimeUtc: fc.oneof(fc.date(), fc.constantFrom(null, '', sampleState.startTimeUtc), fc.anything()),
  errorDetails: fc.oneof(fc.constant({ errorCode: 'a', message: 'b', source: 'User' }), fc.anything())
}, { requiredKeys: [] })
const answer = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(sampleState, null) },
  near,
  fc.anything({ withBigInt: true, withNullPrototype: true })
)
const thrown = fc.oneof(
  fc.anything(),
  fc.record({
    statusCode: fc.integer({ min: 300, max: 700 }),
    message: fc.anything(),
    errorCode: fc.anything(),
    expose: fc.anything()
  }),
  fc.string().map((message) => new Error(message)),
  fc.record({ statusCode: fc.integer({ min: 400, max: 599 }), message: fc.string() })
    .map((options) => new WorkloadError({ errorCode: 'a', source: 'System', ...options }))
)
const outcome = fc.oneof(
  answer.map((value) => () => value),
  answer.map((value) => async () => value),
  thrown.map((value) => () => { throw value }),
  thrown.map((value) => async () => { throw value })
)

t.test(`The responses to 10,000 random polls conform to the contract (SEED=${seed})`, async (t) => {
  let resolve: () => unknown = () => null
  const app = workload(t, (() => resolve()) as JobStateResolver, { server: { routerOptions: { maxParamLength: 2000 } } })
  const seen = new Map<number, number>()
  await fc.assert(fc.asyncProperty(poll, outcome, async (request, given) => {
    resolve = given
    const answered = await app.inject(request)
    seen.set(answered.statusCode, (seen.get(answered.statusCode) ?? 0) + 1)
    return isOnContract(answered)
  }), { numRuns: 10_000, seed })
  for (const status of [200, 400, 404, 500]) t.ok(seen.get(status), `${seen.get(status)} polls were answered ${status}`)
})

const operation = fc.constantFrom('onCreateJobInstance', 'onGetJobInstanceStatus', 'onCancelJobInstance')
const job = fc.record({
  jobType: fc.oneof({ weight: 4, arbitrary: fc.constant(sample.jobType) }, fc.string({ unit: 'binary' }), fc.constant('\ud800'), fc.jsonValue()),
  jobInstanceId: fc.oneof({ weight: 9, arbitrary: fc.uuid() }, fc.uuid().map((id) => id.toUpperCase()), fc.jsonValue())
})
const body = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ executionData: fc.jsonValue(), workspaceId: fc.uuid(), more: fc.jsonValue() }, { requiredKeys: [] })
      .chain((others) => job.map((named) => JSON.stringify({ ...others, ...named })))
  },
  fc.json(), fc.string()
)

t.test(`The responses to 3,000 random requests of the Extensibility Toolkit conform to the contract (SEED=${seed})`, async (t) => {
  let create: () => unknown = () => undefined
  let resolve: () => unknown = () => null
  const app = host(t, { routerOptions: { maxParamLength: 2000 } })
  app.register(fabricJobs, {
    createJobInstance: (() => create()) as CreateJobInstance,
    resolveJobState: (() => resolve()) as JobStateResolver,
    cancelJobInstance: (() => resolve()) as JobStateResolver,
    authentication: false,
    api: 'extensibility-toolkit'
  })
  const seen = new Map<number, number>()
  const type = fc.constantFrom('application/json', 'application/json', 'application/json', 'text/plain', 'a/b')
  await fc.assert(fc.asyncProperty(poll, operation, body, type, outcome, outcome, async ({ url, headers }, name, payload, contentType, created, given) => {
    [create, resolve] = [created, given]
    const answered = await app.inject({
      method: 'POST', url: url.replace(/jobTypes.*/s, `jobs/${name}`), headers: { ...headers, 'content-type': contentType }, payload
    })
    seen.set(answered.statusCode, (seen.get(answered.statusCode) ?? 0) + 1)
    return isOnContract(answered.statusCode === 201 && name === 'onCreateJobInstance' ? { ...answered, statusCode: 200 } : answered)
  }), { numRuns: 3_000, seed })
  for (const status of [200, 201, 400, 404, 415, 500]) t.ok(seen.get(status), `${seen.get(status)} requests were answered ${status}`)
})
