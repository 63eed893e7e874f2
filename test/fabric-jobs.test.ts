import swagger from '@fastify/swagger'
import type { InjectOptions } from 'fastify'
import t from 'tap'

import fabricJobState, {
  fabricJobs, type JobInstance, type JobState, type JobStateContext, subjectAndApp, WorkloadError
} from '../lib/index.js'
import { createFabric } from '../lib/testing/index.js'
import { memoryHost } from './helpers/memory-host.js'
import { holdToContract, host, pluginOptions, pollPath, recordedLog, sample, sampleState } from './helpers/poll.js'

const cancelPath = (parts: Partial<typeof sample> = {}) => `${pollPath(parts)}/cancel`
const create = (payload: object = { invokeType: 'Manual' }, parts: Partial<typeof sample> = {}) =>
  ({ method: 'POST', url: pollPath(parts), payload } as const)
const cancel = (parts: Partial<typeof sample> = {}) => ({ method: 'POST', url: cancelPath(parts) } as const)

t.test('A cancel is accepted with any body and content type, because the contract has none', async (t) => {
  const bodies: Array<[type: string, payload: string]> = [
    ['application/json', ''], ['application/json', '{}'], ['application/json', 'null'], ['application/json', '{'],
    ['application/octet-stream', ''], ['application/x-www-form-urlencoded', ''], ['text/plain', 'x']
  ]
  for (const [type, payload] of bodies) {
    const { app, jobs } = memoryHost(t)
    jobs.set(sample.jobInstanceId, { status: 'NotStarted' })
    const headers = { 'content-type': type, 'content-length': String(payload.length) }
    const response = await app.inject({ ...cancel(), headers, payload })
    t.strictSame([response.statusCode, holdToContract(t, response)], [200, { status: 'Cancelled' }], `${type} ${payload}`)
  }
  const { app } = memoryHost(t, {}, { bodyLimit: 10 })
  const response = await app.inject({ ...cancel(), payload: { longer: 'than the limit' } })
  t.equal(response.statusCode, 413)
  t.match(holdToContract(t, response), { errorCode: 'PayloadTooLarge' })
})

t.test('A create responds with 202 without a body, and the job can be polled and cancelled', async (t) => {
  const { app } = memoryHost(t)
  const response = await app.inject(create())
  t.match(response, { statusCode: 202, body: '', headers: { 'cache-control': 'no-store', 'content-length': '0' } })
  t.equal(response.headers['content-type'], undefined)
  t.same(holdToContract(t, await app.inject(pollPath())), { status: 'NotStarted' })
  const cancelled = await app.inject(cancel())
  t.equal(cancelled.statusCode, 200)
  t.same(holdToContract(t, cancelled), { status: 'Cancelled' })
  t.same(holdToContract(t, await app.inject(pollPath())), { status: 'Cancelled' })
})

t.test('Sending the same create twice responds with 202 both times and creates one job', async (t) => {
  const { app, jobs, created } = memoryHost(t)
  for (let i = 0; i < 2; i++) t.equal((await app.inject(create())).statusCode, 202)
  t.equal(created.length, 2)
  t.equal(jobs.size, 1)
})

t.test('The return value of createJobInstance is not sent', async (t) => {
  const { app } = memoryHost(t, { createJobInstance: async () => ({ secret: 'hunter2' }) as unknown as undefined })
  t.match(await app.inject(create()), { statusCode: 202, body: '' })
})

t.test('createJobInstance gets the job, the request body and the context', async (t) => {
  const { app, created } = memoryHost(t)
  const request = { invokeType: 'Scheduled', creationPayload: { forecast: { months: [1, '2', null] }, toString: 'x', constructor: 1 } }
  await app.inject({ ...create(request), headers: { activityid: 'a', requestid: 'r' } })
  t.equal(created.length, 1)
  t.strictSame(created[0]?.job, sample)
  t.strictSame(created[0]?.request, request)
  t.match(created[0]?.context, { caller: undefined, activityId: 'a', requestId: 'r', signal: { aborted: false } })
})

t.test('An unlisted invokeType is accepted and passed to createJobInstance', async (t) => {
  const { app, created } = memoryHost(t)
  for (const invokeType of ['Scheduled', 'Manual', 'UnknownFutureValue', 'OnDemand', '']) {
    t.equal((await app.inject(create({ invokeType }))).statusCode, 202, invokeType)
    t.equal(created.at(-1)?.request.invokeType, invokeType)
  }
})

t.test('The response to an invalid body is 400 InvalidRequest with one entry of moreDetails for each parameter', async (t) => {
  const { app, created } = memoryHost(t)
  const bodies: Array<[body: unknown, details: Array<[parameter: string, message: string]>]> = [
    [{}, [['invokeType', 'body must have required property \'invokeType\'.']]],
    [{ invokeType: 7 }, [['invokeType', 'invokeType must be string.']]],
    [{ invokeType: null }, [['invokeType', 'invokeType must be string.']]],
    [{ invokeType: 'Manual', creationPayload: 'x' }, [['creationPayload', 'creationPayload must be object.']]],
    [{ invokeType: 'Manual', creationPayload: [] }, [['creationPayload', 'creationPayload must be object.']]],
    [{ invokeType: 'Manual', other: 1 }, [['other', 'body must NOT have additional properties.']]],
    [{ creationPayload: 7, other: 1 }, [
      ['invokeType', 'body must have required property \'invokeType\'.'],
      ['other', 'body must NOT have additional properties.'],
      ['creationPayload', 'creationPayload must be object.']
    ]],
    [[], [['', 'body must be object.']]],
    ['Manual', [['', 'body must be object.']]],
    [null, [['', 'body must be object.']]],
    [7, [['', 'body must be object.']]]
  ]
  for (const [body, details] of bodies) {
    const response = await app.inject({
      method: 'POST', url: pollPath(), payload: JSON.stringify(body), headers: { 'content-type': 'application/json' }
    })
    t.equal(response.statusCode, 400, JSON.stringify(body))
    t.strictSame(holdToContract(t, response), {
      errorCode: 'InvalidRequest',
      message: 'The body of the request is invalid.',
      source: 'User',
      isPermanent: true,
      moreDetails: details.map(([value, message]) =>
        ({ errorCode: 'InvalidRequest', message, additionalParameters: [{ name: 'parameter', value }] }))
    })
  }
  t.same(created, [])
})

t.test('The response to a body that cannot be parsed is an ErrorResponse', async (t) => {
  const { app, created } = memoryHost(t, {}, { bodyLimit: 100 })
  const json = { 'content-type': 'application/json' }
  const bodies: Array<[what: string, request: Pick<InjectOptions, 'payload' | 'headers'>, statusCode: number, errorCode: string]> = [
    ['no body', {}, 400, 'InvalidRequest'],
    ['an empty body', { payload: '', headers: json }, 400, 'BadRequest'],
    ['not JSON', { payload: '{', headers: json }, 400, 'BadRequest'],
    ['a prototype in JSON', { payload: '{"invokeType":"Manual","__proto__":{}}', headers: json }, 400, 'BadRequest'],
    ['too large', { payload: { invokeType: 'x'.repeat(100) } }, 413, 'PayloadTooLarge'],
    ['XML', { payload: '<a/>', headers: { 'content-type': 'application/xml' } }, 415, 'UnsupportedMediaType'],
    ['no content type', { payload: '{"invokeType":"Manual"}' }, 415, 'UnsupportedMediaType'],
    ['an invalid content type', { payload: '{}', headers: { 'content-type': '???' } }, 415, 'UnsupportedMediaType'],
    ['text', { payload: '{"invokeType":"Manual"}', headers: { 'content-type': 'text/plain' } }, 400, 'InvalidRequest']
  ]
  for (const [what, request, statusCode, errorCode] of bodies) {
    const response = await app.inject({ method: 'POST', url: pollPath(), ...request })
    t.equal(response.statusCode, statusCode, what)
    t.match(holdToContract(t, response), { errorCode, source: 'User', isPermanent: true }, what)
  }
  t.same(created, [])
})

t.test('The response of each operation to an invalid path parameter is 400 InvalidParameter', async (t) => {
  const { app } = memoryHost(t)
  for (const request of [create(undefined, { itemId: '7' }), { url: pollPath({ itemId: '7' }) }, cancel({ itemId: '7' })]) {
    const response = await app.inject(request)
    t.equal(response.statusCode, 400)
    t.match(holdToContract(t, response), {
      errorCode: 'InvalidParameter',
      moreDetails: [{ message: 'itemId must match format "uuid".', additionalParameters: [{ name: 'parameter', value: 'itemId' }] }]
    })
  }
  for (const request of [create(undefined, { jobType: '' }), cancel({ jobType: '' })]) {
    const response = await app.inject(request)
    t.equal(response.statusCode, 400)
    t.match(holdToContract(t, response), { moreDetails: [{ additionalParameters: [{ name: 'parameter', value: 'jobType' }] }] })
  }
})

t.test('A cancel returns the state, with and without a request body', async (t) => {
  const state = { ...sampleState, status: 'Completed' } as const
  const { app } = memoryHost(t, { cancelJobInstance: () => ({ ...state, row: 7 }) as JobState })
  for (const request of [cancel(), { ...cancel(), payload: {} }, { ...cancel(), payload: { reason: 'x' } }]) {
    const response = await app.inject(request)
    t.equal(response.statusCode, 200)
    t.same(holdToContract(t, response), state)
  }
})

t.test('A cancel of a job that does not exist responds with 404', async (t) => {
  for (const cancelJobInstance of [() => null, async () => undefined]) {
    const response = await memoryHost(t, { cancelJobInstance }).app.inject(cancel())
    t.equal(response.statusCode, 404)
    t.match(holdToContract(t, response), { errorCode: 'JobInstanceNotFound' })
  }
})

t.test('A cancel that returns an invalid state responds with 500 InvalidJobState', async (t) => {
  const response = await memoryHost(t, { cancelJobInstance: () => ({ status: 'Canceled' }) as unknown as JobState }).app.inject(cancel())
  t.equal(response.statusCode, 500)
  t.match(holdToContract(t, response), { errorCode: 'InvalidJobState' })
})

t.test('UUIDs in upper case reach every callback in lower case', async (t) => {
  const jobs: JobInstance[] = []
  const seen = (job: JobInstance) => { jobs.push(job); return sampleState }
  const { app } = memoryHost(t, { createJobInstance: (job) => { seen(job) }, resolveJobState: seen, cancelJobInstance: seen })
  const upper = {
    workspaceId: sample.workspaceId.toUpperCase(), itemId: sample.itemId.toUpperCase(), jobInstanceId: sample.jobInstanceId.toUpperCase()
  }
  for (const request of [create(undefined, upper), { url: pollPath(upper) }, cancel(upper)]) await app.inject(request)
  t.strictSame(jobs, [sample, sample, sample])
})

t.test('Every callback has a deadline, at which its signal is aborted', async (t) => {
  const reasons: unknown[] = []
  const never = (context: JobStateContext) => new Promise<never>((_resolve, reject) => {
    context.signal.addEventListener('abort', () => { reasons.push(context.signal.reason); reject(context.signal.reason) })
  })
  const { app } = memoryHost(t, {
    createJobInstance: (_job, _request, context) => never(context),
    resolveJobState: (_job, context) => never(context),
    cancelJobInstance: (_job, context) => never(context),
    resolverTimeout: 10
  })
  for (const request of [create(), { url: pollPath() }, cancel()]) {
    const response = await app.inject(request)
    t.equal(response.statusCode, 504)
    t.match(holdToContract(t, response), { errorCode: 'ResolverTimeout' })
  }
  t.match(reasons, Array.from({ length: 3 }, () => ({ errorCode: 'ResolverTimeout' })))
})

t.test('A WorkloadError of any callback determines the response; any other error is 500 and logged', async (t) => {
  const held = new WorkloadError({ statusCode: 409, errorCode: 'Held', message: 'Held.', source: 'User', isPermanent: false })
  for (const [error, statusCode, body] of [[held, 409, { errorCode: 'Held' }], [new RangeError('disk full'), 500, { errorCode: 'InternalError' }]] as const) {
    const fail = () => { throw error }
    for (const callback of [fail, async () => fail()]) {
      const { lines, logger } = recordedLog()
      const { app } = memoryHost(t, { createJobInstance: callback, resolveJobState: callback, cancelJobInstance: callback }, { logger })
      for (const request of [create(), { url: pollPath() }, cancel()]) {
        const response = await app.inject(request)
        t.equal(response.statusCode, statusCode)
        t.match(holdToContract(t, response), body)
      }
      t.equal(JSON.stringify(lines).split('disk full').length > 3, statusCode === 500)
    }
  }
})

t.test('Only Fabric reaches the callbacks', async (t) => {
  const fabric = createFabric()
  const callers: unknown[] = []
  const seen = ({ caller }: JobStateContext) => { callers.push(caller?.tenantId); return sampleState }
  const callbacks = {
    createJobInstance: (_job: JobInstance, _request: unknown, context: JobStateContext) => { seen(context) },
    resolveJobState: (_job: JobInstance, context: JobStateContext) => seen(context),
    cancelJobInstance: (_job: JobInstance, context: JobStateContext) => seen(context)
  }
  const own = host(t)
  own.register(fabricJobs, { ...callbacks, authentication: fabric.authentication })
  const parents = host(t)
  parents.register(subjectAndApp, fabric.authentication)
  parents.register(async (scope) => { scope.register(fabricJobs, callbacks) })
  for (const app of [own, parents]) {
    const { headers } = await fabric.poll()
    for (const request of [create(), create({}), { url: pollPath() }, cancel()]) {
      const refused = await app.inject(request)
      t.match(refused, { statusCode: 401, headers: { 'www-authenticate': 'SubjectAndAppToken1.0' } })
      t.match(holdToContract(t, refused), { errorCode: 'AuthenticationFailed' })
    }
    t.same(callers.splice(0), [])
    const statuses = []
    for (const request of [create(), { url: pollPath() }, cancel()]) statuses.push((await app.inject({ ...request, headers })).statusCode)
    t.same(statuses, [202, 200, 200])
    t.same(callers.splice(0), Array.from({ length: 3 }, () => fabric.registration.tenantId))
  }
})

t.test('Both plugins can be registered in one server, and the document has each operationId once', async (t) => {
  const app = host(t)
  await app.register(swagger, { openapi: { info: { title: 'Workload', version: '1' } } })
  app.register(fabricJobs, {
    prefix: '/jobs',
    createJobInstance: () => {},
    resolveJobState: () => ({ status: 'InProgress' }),
    cancelJobInstance: () => ({ status: 'Cancelled' }),
    authentication: false
  })
  app.register(fabricJobState, pluginOptions(() => ({ status: 'Completed' }), { prefix: '/state' }))
  t.same(holdToContract(t, await app.inject(`/jobs${pollPath()}`)), { status: 'InProgress' })
  t.same(holdToContract(t, await app.inject(`/state${pollPath()}`)), { status: 'Completed' })
  t.equal((await app.inject({ ...create(), url: `/state${pollPath()}` })).statusCode, 404, 'the state endpoint alone creates no job')

  const operations = Object.values(app.swagger().paths ?? {}).flatMap((path) => Object.values(Object(path)) as Array<{ operationId?: string }>)
  t.equal(operations.length, 4)
  t.same(operations.map(({ operationId }) => operationId).filter((id) => id !== undefined).sort(),
    ['Jobs_CancelItemJobInstance', 'Jobs_CreateItemJobInstance', 'Jobs_GetItemJobInstanceState'])
})

t.test('Registration refuses missing and invalid options, and says what to write', async (t) => {
  const callbacks = { createJobInstance () {}, resolveJobState: () => null, cancelJobInstance: () => null, authentication: false as const }
  const refusals: Array<[changes: object, message: string]> = [
    [{ createJobInstance: undefined }, 'createJobInstance must be a function: createJobInstance: async ({ jobInstanceId }, request, context) => { … }'],
    [{ cancelJobInstance: 7 }, "cancelJobInstance must be a function: cancelJobInstance: async ({ jobInstanceId }, context) => ({ status: 'Cancelled' })"],
    [{ resolveJobState: null }, "resolveJobState must be a function: resolveJobState: async ({ jobInstanceId }, context) => ({ status: 'InProgress' })"],
    [{ createJobInstance: (_a: 1, _b: 2, _c: 3, _d: 4) => {} },
      'createJobInstance takes 3 parameters: createJobInstance: async ({ jobInstanceId }, request, context) => { … }'],
    [{ cancelJobInstance: (_a: 1, _b: 2, _c: 3) => null },
      "cancelJobInstance takes 2 parameters: cancelJobInstance: async ({ jobInstanceId }, context) => ({ status: 'Cancelled' })"],
    [{ cancelJob: 7 }, 'there is no option "cancelJob": write cancelJobInstance'],
    [{ resolverTimeout: -1 }, 'resolverTimeout must be a whole number of milliseconds from 0 (no deadline) to 2147483647']
  ]
  for (const [changes, message] of refusals) {
    const app = host(t)
    app.register(fabricJobs, { ...callbacks, ...changes })
    await t.rejects(Promise.resolve(app.ready()), new TypeError(`fastify-fabric-job-state: ${message}.`))
  }
})
