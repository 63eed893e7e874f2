import swagger from '@fastify/swagger'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, {
  fabricJobs, type FabricJobsOptions, type JobInstance, type JobState, type JobStateContext, type JobStateResult, WorkloadError
} from '../lib/index.js'
import { jwksFetch } from '../lib/subject-and-app/signing-keys.js'
import { createFabric } from '../lib/testing/index.js'
import { memoryHost } from './helpers/memory-host.js'
import { contractProblems, host, holdToContract, pluginOptions, pollPath, recordedLog, sample, sampleState } from './helpers/poll.js'

const CREATE = 'onCreateJobInstance'
const STATE = 'onGetJobInstanceStatus'
const CANCEL = 'onCancelJobInstance'
const OPERATIONS = [CREATE, STATE, CANCEL] as const
type Operation = typeof OPERATIONS[number]

const { jobType, jobInstanceId } = sample
const BODY = { jobType, jobInstanceId }
const JSON_TYPE = { 'content-type': 'application/json' }

const pathOf = (operation: Operation, { workspaceId, itemType, itemId } = sample) =>
  `/workspaces/${workspaceId}/items/${itemType}/${itemId}/jobs/${operation}`
const request = (operation: Operation, payload: object = BODY) => ({ method: 'POST', url: pathOf(operation), payload } as const)

const jobsHost = (t: Test, options: Parameters<typeof memoryHost>[1] = {}, server = {}) => memoryHost(t, { api: 'both', ...options }, server)

/** Uses one function as all three callbacks. */
function everyCallback (callback: (context: JobStateContext) => JobStateResult) {
  return {
    createJobInstance: async (_job: JobInstance, _request: unknown, context: JobStateContext) => { await callback(context) },
    resolveJobState: (_job: JobInstance, context: JobStateContext) => callback(context),
    cancelJobInstance: (_job: JobInstance, context: JobStateContext) => callback(context)
  }
}

/** The state of a response, whose status is the operation's success. */
function stateOf (t: Test, operation: Operation, response: LightMyRequestResponse): unknown {
  t.equal(response.statusCode, operation === CREATE ? 201 : 200, `${operation}: ${response.body}`)
  t.match(response.headers, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
  t.same(contractProblems('ItemJobInstanceState', response.json()), [])
  return response.json()
}

t.test('A job that one API has created can be polled and cancelled with the other', async (t) => {
  const { app } = jobsHost(t)
  t.same(stateOf(t, CREATE, await app.inject(request(CREATE))), { status: 'NotStarted' })
  t.same(stateOf(t, STATE, await app.inject(request(STATE))), { status: 'NotStarted' })
  t.same(holdToContract(t, await app.inject(pollPath())), { status: 'NotStarted' })
  const cancelled = await app.inject({ method: 'POST', url: `${pollPath()}/cancel` })
  t.same(holdToContract(t, cancelled), { status: 'Cancelled' })
  t.same(stateOf(t, STATE, await app.inject(request(STATE))), { status: 'Cancelled' })

  const other = { jobType, jobInstanceId: '0b5e3ab2-2b0d-4c31-8b0b-6f0b7a9f1a11' }
  t.equal((await app.inject({ method: 'POST', url: pollPath(other), payload: { invokeType: 'Manual' } })).statusCode, 202)
  t.same(stateOf(t, STATE, await app.inject(request(STATE, other))), { status: 'NotStarted' })
  t.same(stateOf(t, CANCEL, await app.inject(request(CANCEL, other))), { status: 'Cancelled' })
  t.same(holdToContract(t, await app.inject(pollPath(other))), { status: 'Cancelled' })
})

t.test('Sending the same create twice responds with 201 and the state both times', async (t) => {
  const { app, jobs, created } = jobsHost(t)
  t.same(stateOf(t, CREATE, await app.inject(request(CREATE))), { status: 'NotStarted' })
  jobs.set(jobInstanceId, sampleState)
  t.same(stateOf(t, CREATE, await app.inject(request(CREATE))), sampleState)
  t.equal(created.length, 2)
})

t.test('A create is answered with the state that resolveJobState returns after it, or NotStarted if the job is not visible yet', async (t) => {
  for (const [answer, state] of [[sampleState, sampleState], [null, { status: 'NotStarted' }], [undefined, { status: 'NotStarted' }]] as const) {
    const calls: string[] = []
    const { app } = jobsHost(t, {
      createJobInstance: async () => { calls.push('create') },
      resolveJobState: async () => { calls.push('state'); return answer }
    })
    t.same(stateOf(t, CREATE, await app.inject(request(CREATE))), state)
    t.same(calls, ['create', 'state'])
  }
})

t.test('An error of createJobInstance determines the response, and resolveJobState is not called', async (t) => {
  const held = new WorkloadError({ statusCode: 409, errorCode: 'Held', message: 'Held.', source: 'User', isPermanent: false })
  const { app } = jobsHost(t, {
    createJobInstance: () => { throw held },
    resolveJobState: () => { throw t.fail('the resolver is called') }
  })
  const response = await app.inject(request(CREATE))
  t.equal(response.statusCode, 409)
  t.match(holdToContract(t, response), { errorCode: 'Held' })
})

t.test('createJobInstance gets executionData as creationPayload, an unknown invokeType, and the definition in the body of the request', async (t) => {
  const { app, created } = jobsHost(t)
  const executionData = { forecast: { months: [1, '2', null] }, toString: 'x', constructor: 1 }
  const body = { ...BODY, executionData, definition: { parts: [{ path: 'a' }] } }
  await app.inject({ ...request(CREATE, body), headers: { activityid: 'a', requestid: 'r' } })
  await app.inject(request(CREATE))
  t.strictSame(created.map(({ job }) => job), [sample, sample])
  t.strictSame(created.map(({ request }) => request), [
    { invokeType: 'UnknownFutureValue', creationPayload: executionData }, { invokeType: 'UnknownFutureValue' }
  ])
  t.strictSame(created[0]?.context.request.body, body)
  t.match(created[0]?.context, { caller: undefined, activityId: 'a', requestId: 'r', signal: { aborted: false } })
})

t.test('Only the job type and the job instance of the body name the job', async (t) => {
  const jobs: JobInstance[] = []
  const seen = (job: JobInstance) => { jobs.push(job); return sampleState }
  const { app } = jobsHost(t, { createJobInstance: (job) => { seen(job) }, resolveJobState: seen, cancelJobInstance: seen, prefix: '/:tenant' })
  const stranger = '3fa85f64-5717-4562-b3fc-2c963f66afa6'
  const body = { ...BODY, workspaceId: stranger, itemType: 'other', itemId: stranger, tenant: 'other', constructor: 1 }
  for (const operation of OPERATIONS) {
    const { url, ...others } = request(operation, body)
    stateOf(t, operation, await app.inject({ ...others, url: `/contoso${url}` }))
  }
  t.strictSame(jobs, [sample, sample, sample, sample])
})

t.test('Unknown properties of the body and api-version in the query are ignored', async (t) => {
  const { app } = jobsHost(t, everyCallback(() => sampleState))
  for (const operation of OPERATIONS) {
    const { url, ...others } = request(operation, { ...BODY, executionData: {}, definition: {}, more: [{ a: 1 }] })
    for (const query of ['?api-version=2026-01-01', '?api-version=', '?a[b]=c&jobInstanceId=x', '']) {
      t.same(stateOf(t, operation, await app.inject({ ...others, url: url + query })), sampleState)
    }
  }
})

t.test('The UUIDs of path and body reach each callback in lower case', async (t) => {
  const jobs: JobInstance[] = []
  const seen = (job: JobInstance) => { jobs.push(job); return sampleState }
  const { app } = jobsHost(t, { createJobInstance: (job) => { seen(job) }, resolveJobState: seen, cancelJobInstance: seen })
  const item = { ...sample, workspaceId: sample.workspaceId.toUpperCase(), itemId: sample.itemId.toUpperCase() }
  for (const operation of OPERATIONS) {
    const payload = { jobType, jobInstanceId: jobInstanceId.toUpperCase() }
    stateOf(t, operation, await app.inject({ method: 'POST', url: pathOf(operation, item), payload }))
  }
  t.strictSame(jobs, [sample, sample, sample, sample])
})

t.test('A polluted Object.prototype adds nothing to the request of a create', async (t) => {
  const { app, created } = jobsHost(t)
  await app.ready()
  for (const name of ['executionData', 'creationPayload', 'jobType', 'jobInstanceId']) {
    Reflect.defineProperty(Object.prototype, name, { value: jobInstanceId, configurable: true, writable: true })
    const inject = async (body: object) => (await app.inject(request(CREATE, body))).statusCode
    const polluted = Promise.all([inject(BODY), inject({ jobType }), inject({ jobInstanceId })])
    t.same(await polluted.finally(() => Reflect.deleteProperty(Object.prototype, name)), [201, 400, 400], name)
  }
  for (const { request } of created) t.strictSame(Object.entries(request), [['invokeType', 'UnknownFutureValue']])
})

/** A row of the table of failures: the workload, the request and the response. */
interface Failure {
  options?: Partial<FabricJobsOptions>
  request?: (operation: Operation) => InjectOptions
  /** Operations that succeed nevertheless. */
  except?: Operation
  response: { statusCode: number, headers?: object }
  body: object
}

const fail = (thrown: unknown) => everyCallback(() => { throw thrown })
const invalid = (errorCode: string, message: string, parameter: string) => ({
  errorCode,
  source: 'User',
  isPermanent: true,
  moreDetails: [{ errorCode, message, additionalParameters: [{ name: 'parameter', value: parameter }] }]
})
const raw = (payload: string, headers: Record<string, string> = JSON_TYPE) => (operation: Operation) =>
  ({ method: 'POST', url: pathOf(operation), payload, headers } as const)

const fabric = createFabric()
const unauthenticated = { errorCode: 'AuthenticationFailed', source: 'External', isPermanent: false }
const noKeys = { ...fabric.authentication, [jwksFetch]: async () => new Response('', { status: 500 }) }
const { headers: good } = await fabric.poll()
const { headers: withoutScope } = await fabric.poll({ subjectToken: { claims: { scp: 'Item.Read.All' } } })
const signed = (headers: Record<string, string>) => (operation: Operation) => ({ ...request(operation), headers })

const failures: Record<string, Failure> = {
  'a path parameter breaks its schema': {
    request: (operation) => ({ ...request(operation), url: pathOf(operation, { ...sample, itemId: '7' }) }),
    response: { statusCode: 400 },
    body: invalid('InvalidParameter', 'itemId must match format "uuid".', 'itemId')
  },
  'a path parameter is empty': {
    request: (operation) => ({ ...request(operation), url: pathOf(operation, { ...sample, itemType: '' }) }),
    response: { statusCode: 400 },
    body: { errorCode: 'InvalidParameter', moreDetails: [{ additionalParameters: [{ name: 'parameter', value: 'itemType' }] }] }
  },
  'the body has no job type': {
    request: (operation) => request(operation, { jobInstanceId }),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', "body must have required property 'jobType'.", 'jobType')
  },
  'the body has an empty job type': {
    request: (operation) => request(operation, { ...BODY, jobType: '' }),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', 'jobType must NOT have fewer than 1 characters.', 'jobType')
  },
  'the job type is not a string': {
    request: (operation) => request(operation, { ...BODY, jobType: 7 }),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', 'jobType must be string.', 'jobType')
  },
  'the body has no job instance': {
    request: (operation) => request(operation, { jobType }),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', "body must have required property 'jobInstanceId'.", 'jobInstanceId')
  },
  'the job instance is not a UUID': {
    request: (operation) => request(operation, { ...BODY, jobInstanceId: `urn:uuid:${jobInstanceId}` }),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', 'jobInstanceId must match format "uuid".', 'jobInstanceId')
  },
  'the job instance is null': {
    request: (operation) => request(operation, { ...BODY, jobInstanceId: null }),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', 'jobInstanceId must be string.', 'jobInstanceId')
  },
  'the body is a list': {
    request: (operation) => request(operation, [BODY]),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', 'body must be object.', '')
  },
  'the body is null': {
    request: raw('null'), response: { statusCode: 400 }, body: invalid('InvalidRequest', 'body must be object.', '')
  },
  'there is no body': {
    request: (operation) => ({ method: 'POST', url: pathOf(operation) }),
    response: { statusCode: 400 },
    body: { errorCode: 'InvalidRequest', source: 'User', isPermanent: true }
  },
  'the body is empty': {
    request: raw(''), response: { statusCode: 400 }, body: { errorCode: 'BadRequest', source: 'User', isPermanent: true }
  },
  'the body is not JSON': {
    request: raw('{'), response: { statusCode: 400 }, body: { errorCode: 'BadRequest', source: 'User', isPermanent: true }
  },
  'the body has a prototype': {
    request: raw(JSON.stringify(BODY).replace('{', '{"__proto__":{},')),
    response: { statusCode: 400 },
    body: { errorCode: 'BadRequest', source: 'User', isPermanent: true }
  },
  'the body is too large': {
    request: (operation) => request(operation, { ...BODY, more: 'x'.repeat(500) }),
    response: { statusCode: 413 },
    body: { errorCode: 'PayloadTooLarge', source: 'User', isPermanent: true }
  },
  'the body is XML': {
    request: raw('<a/>', { 'content-type': 'application/xml' }),
    response: { statusCode: 415 },
    body: { errorCode: 'UnsupportedMediaType', source: 'User', isPermanent: true }
  },
  'the body is text': {
    request: raw(JSON.stringify(BODY), { 'content-type': 'text/plain' }),
    response: { statusCode: 400 },
    body: invalid('InvalidRequest', 'body must be object.', '')
  },
  'the body has no content type': {
    request: raw(JSON.stringify(BODY), {}),
    response: { statusCode: 415 },
    body: { errorCode: 'UnsupportedMediaType', source: 'User', isPermanent: true }
  },
  'there are no tokens': {
    options: { authentication: fabric.authentication },
    response: { statusCode: 401, headers: { 'www-authenticate': 'SubjectAndAppToken1.0' } },
    body: unauthenticated
  },
  'there are no tokens, and the body is not JSON': {
    options: { authentication: fabric.authentication },
    request: raw('{'),
    response: { statusCode: 401, headers: { 'www-authenticate': 'SubjectAndAppToken1.0' } },
    body: unauthenticated
  },
  'the tenant header names another tenant': {
    options: { authentication: fabric.authentication },
    request: signed({ ...good, 'x-ms-client-tenant-id': sample.workspaceId }),
    response: { statusCode: 401, headers: { 'www-authenticate': 'SubjectAndAppToken1.0' } },
    body: unauthenticated
  },
  'the subject token lacks the scope': {
    options: { authentication: fabric.authentication },
    request: signed(withoutScope),
    response: { statusCode: 403 },
    body: { errorCode: 'InsufficientScope', source: 'External', isPermanent: true }
  },
  'there is no such job': {
    options: everyCallback(() => null),
    except: CREATE,
    response: { statusCode: 404 },
    body: { errorCode: 'JobInstanceNotFound', source: 'System', isPermanent: true }
  },
  'the callback throws a WorkloadError': {
    options: fail(new WorkloadError({
      statusCode: 503, errorCode: 'Maintenance', message: 'Later.', source: 'System', isPermanent: false, headers: { 'Retry-After': '60' }
    })),
    response: { statusCode: 503, headers: { 'retry-after': '60' } },
    body: { errorCode: 'Maintenance', message: 'Later.', source: 'System', isPermanent: false }
  },
  'the callback throws an HTTP error': {
    options: fail(Object.assign(new Error('Slow down.'), { statusCode: 429 })),
    response: { statusCode: 429 },
    body: { errorCode: 'TooManyRequests', message: 'Slow down.', source: 'User', isPermanent: false }
  },
  'the callback throws anything else': {
    options: fail(new RangeError('disk full')),
    response: { statusCode: 500 },
    body: {
      errorCode: 'InternalError', message: 'The workload failed because of an internal error.', source: 'System', isPermanent: false
    }
  },
  'the returned state breaks the contract': {
    options: everyCallback(() => ({ status: 'Canceled' }) as unknown as JobState),
    response: { statusCode: 500 },
    body: { errorCode: 'InvalidJobState', source: 'System', isPermanent: false }
  },
  'the deadline passes': {
    options: { ...everyCallback(() => new Promise<never>(() => {})), resolverTimeout: 10 },
    response: { statusCode: 504 },
    body: { errorCode: 'ResolverTimeout', source: 'System', isPermanent: false }
  },
  'no signing keys can be retrieved': {
    options: { authentication: noKeys },
    request: signed(good),
    response: { statusCode: 503, headers: { 'retry-after': '5' } },
    body: { errorCode: 'SigningKeysUnavailable', source: 'External', isPermanent: false }
  }
}

for (const [what, { options, request: requestOf = request, except, response, body }] of Object.entries(failures)) {
  t.test(`Each operation of the Extensibility Toolkit responds with an ErrorResponse where ${what}`, async (t) => {
    const { app, created } = jobsHost(t, options, { bodyLimit: 400 })
    for (const operation of OPERATIONS) {
      if (operation === except) continue
      const answer = await app.inject(requestOf(operation))
      t.match(answer, response, operation)
      t.match(holdToContract(t, answer), body, operation)
    }
    t.same(created, [])
  })
}

t.test('The deadline of a create includes the call of resolveJobState, and the signal is aborted', async (t) => {
  const signals: AbortSignal[] = []
  const { app } = jobsHost(t, {
    createJobInstance: async (_job, _request, { signal }) => { signals.push(signal) },
    resolveJobState: async (_job, { signal }) => { signals.push(signal); return await new Promise<never>(() => {}) },
    resolverTimeout: 10
  })
  const response = await app.inject(request(CREATE))
  t.equal(response.statusCode, 504)
  t.match(holdToContract(t, response), { errorCode: 'ResolverTimeout' })
  t.equal(signals.length, 2)
  t.equal(signals[0], signals[1])
  t.match(signals[0], { aborted: true, reason: { errorCode: 'ResolverTimeout' } })
})

t.test('Only authenticated requests of the toolkit reach the callbacks, which get the caller', async (t) => {
  const callers: unknown[] = []
  const callbacks = everyCallback(({ caller }) => { callers.push(caller?.tenantId); return sampleState })
  const { app } = jobsHost(t, { ...callbacks, authentication: fabric.authentication })
  for (const operation of OPERATIONS) {
    for (const payload of [BODY, {}]) t.equal((await app.inject(request(operation, payload))).statusCode, 401)
    t.same(callers.splice(0), [])
    stateOf(t, operation, await app.inject(await fabric.toolkitRequest(operation)))
    for (const caller of callers.splice(0)) t.equal(caller, fabric.registration.tenantId)
    for (const { name, statusCode, headers } of await fabric.badHeaders()) {
      t.equal((await app.inject({ ...request(operation), headers })).statusCode, statusCode, name)
    }
    t.same(callers, [])
  }
})

t.test('Each log line of a request has its ActivityId and RequestId', async (t) => {
  const { lines, logger } = recordedLog()
  const { app } = jobsHost(t, fail(new RangeError('disk full')), { logger })
  for (const operation of OPERATIONS) {
    await app.inject({ ...request(operation), headers: { activityid: 'a-1', requestid: 'r-1' } })
    const written = lines.splice(0).filter(({ reqId }) => reqId !== undefined)
    t.ok(written.some(({ err }) => JSON.stringify(err)?.includes('disk full')), operation)
    for (const line of written) t.match(line, { activityId: 'a-1', fabricRequestId: 'r-1' })
  }
})

t.test('A state that a hook of the host sends with the status of success conforms to the contract', async (t) => {
  const app = host(t)
  app.addHook('preHandler', async ({ url }, reply) => reply.code(url.endsWith(CREATE) ? 201 : 200).send({ status: 'Completed', hits: 7 }))
  app.register(fabricJobs, { ...everyCallback(() => { throw t.fail('the callback is called') }), authentication: false, api: 'extensibility-toolkit' })
  for (const operation of OPERATIONS) {
    t.strictSame(stateOf(t, operation, await app.inject(request(operation))), { status: 'Completed' })
  }
})

t.test('A state that a hook of the host sends with another status is an ErrorResponse', async (t) => {
  for (const [operation, statusCode] of [[CREATE, 200], [CREATE, 202], [STATE, 201], [CANCEL, 201]] as const) {
    const app = host(t)
    app.addHook('preHandler', async (_request, reply) => reply.code(statusCode).send(sampleState))
    app.register(fabricJobs, { ...everyCallback(() => sampleState), authentication: false, api: 'extensibility-toolkit' })
    const response = await app.inject(request(operation))
    t.equal(response.statusCode, 500, `${operation} ${statusCode}`)
    t.match(holdToContract(t, response), { errorCode: 'InternalError' })
  }
})

/** The statuses of a host with the plugin on each route: the contract's, then the toolkit's. */
async function statusesOf (t: Test, options: Partial<FabricJobsOptions>) {
  const app = host(t)
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Workload', version: '1' } } })
  app.register(fabricJobs, { ...everyCallback(() => sampleState), authentication: false, ...options })
  const contract = [
    { method: 'POST', url: pollPath(), payload: { invokeType: 'Manual' } }, { url: pollPath() }, { method: 'POST', url: `${pollPath()}/cancel` }
  ] as const
  const statuses = []
  for (const each of [...contract, ...OPERATIONS.map((operation) => request(operation))]) statuses.push((await app.inject(each)).statusCode)
  return { statuses, document: JSON.stringify(app.swagger()), app }
}

t.test('Without the option api, and with its default, the routes of the toolkit do not exist and are not in the document', async (t) => {
  for (const options of [{}, { api: undefined }, { api: 'workload-development-kit' }] as const) {
    const { statuses, document, app } = await statusesOf(t, options)
    t.same(statuses, [202, 200, 200, 404, 404, 404])
    t.match(document, 'jobTypes')
    t.notMatch(document, /toolkit|experimental|on(?:Create|Get|Cancel)|executionData/i)
    t.notMatch(app.printRoutes(), 'jobs/')
  }
})

t.test('With api: both each API is served, and with api: extensibility-toolkit only the toolkit\'s', async (t) => {
  const both = await statusesOf(t, { api: 'both' })
  t.same(both.statuses, [202, 200, 200, 201, 200, 200])
  const toolkit = await statusesOf(t, { api: 'extensibility-toolkit' })
  t.same(toolkit.statuses, [404, 404, 404, 201, 200, 200])
  t.notMatch(toolkit.document, 'jobTypes')
  for (const { document } of [both, toolkit]) t.match(document, /experimental/i)
})

t.test('fabricJobState serves only onGetJobInstanceStatus of the toolkit', async (t) => {
  for (const [api, statusOfPoll] of [['extensibility-toolkit', 404], ['both', 200]] as const) {
    const app = host(t)
    app.register(fabricJobState, pluginOptions(undefined, { api }))
    t.equal((await app.inject(pollPath())).statusCode, statusOfPoll, api)
    for (const operation of [CREATE, CANCEL] as const) t.equal((await app.inject(request(operation))).statusCode, 404, operation)
    t.same(stateOf(t, STATE, await app.inject(request(STATE))), sampleState)
  }
})

t.test('The routes of the toolkit respond to POST only', async (t) => {
  const { app } = jobsHost(t)
  for (const operation of OPERATIONS) {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) t.equal((await app.inject({ method, url: pathOf(operation) })).statusCode, 404)
  }
})

t.test('Both APIs can be registered under two prefixes, and the document has each operationId once', async (t) => {
  const app = host(t)
  await app.register(swagger, { openapi: { info: { title: 'Workload', version: '1' } } })
  for (const prefix of ['/a', '/b']) app.register(fabricJobs, { ...everyCallback(() => sampleState), prefix, api: 'both', authentication: false })
  await app.ready()
  const operations = Object.values(app.swagger().paths ?? {}).flatMap((path) => Object.values(Object(path)) as Array<{ operationId?: string }>)
  t.equal(operations.length, 12)
  t.same(operations.flatMap(({ operationId }) => operationId ?? []).sort(), [
    'ExtensibilityToolkit_OnCancelJobInstance', 'ExtensibilityToolkit_OnCreateJobInstance', 'ExtensibilityToolkit_OnGetJobInstanceStatus',
    'Jobs_CancelItemJobInstance', 'Jobs_CreateItemJobInstance', 'Jobs_GetItemJobInstanceState'
  ])
})

t.test('Registration refuses another api, and says what to write', async (t) => {
  for (const api of ['toolkit', 'Both', '', null, 7, true, {}, 'constructor']) {
    const changes: object = { api }
    for (const register of [
      (app: FastifyInstance) => app.register(fabricJobs, { ...everyCallback(() => null), authentication: false, ...changes }),
      (app: FastifyInstance) => app.register(fabricJobState, pluginOptions(undefined, changes))
    ]) {
      const app = host(t)
      register(app)
      await t.rejects(Promise.resolve(app.ready()), new TypeError(
        "fastify-fabric-job-state: api must be 'workload-development-kit', 'extensibility-toolkit' or 'both': api: 'both'."))
    }
  }
})
