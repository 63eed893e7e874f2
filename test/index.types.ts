// What the public types allow and refuse. The compiler is the test: nothing here runs.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'

import fabricJobState, {
  type AuthenticationHook, type AuthenticationOptions, type Caller, diagnostics, type ErrorAnswer, fabricJobState as named,
  type FabricJobStateOptions, type JobInstance, type JobState, type JobStateContext, type JobStateResolver, type RefusalCode, subjectAndApp,
  toErrorResponse, WorkloadError, type WorkloadErrorOptions
} from '../lib/index.js'
import { createFabric, type Fabric } from '../lib/testing/index.js'
import type { ErrorResponse, ItemJobInstanceState } from '../schemas/index.js'

/** Holds where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const holds = <T extends true>(_isSame?: T) => {}

// The resolver's arguments are known where it is written, and its answer is checked there.
const app = Fastify()
app.register(fabricJobState, {
  prefix: '/workload-api',
  logLevel: 'warn',
  authentication: false,
  resolverTimeout: 10_000,
  async resolveJobState (job, context) {
    holds<Same<typeof job, JobInstance>>()
    holds<Same<typeof context, JobStateContext>>()
    holds<Same<typeof job.jobInstanceId, string>>()
    holds<Same<typeof context.signal, AbortSignal>>()
    holds<Same<typeof context.caller, Caller | undefined>>()
    holds<Same<typeof context.activityId, string | undefined>>()
    return { status: 'InProgress', startTimeUtc: new Date() }
  }
})
app.register(fabricJobState, { authentication: false, resolveJobState: () => null })
app.register(fabricJobState, { authentication: false, resolveJobState: () => undefined })
// An option that is undefined is left out, also with exactOptionalPropertyTypes.
app.register(fabricJobState, {
  authentication: undefined,
  resolverTimeout: undefined,
  config: undefined,
  tags: undefined,
  security: undefined,
  resolveJobState: () => undefined
})
app.register(fabricJobState, {
  authentication: false, config: {}, tags: ['Jobs'], security: [{ SubjectAndApp: [] }], resolveJobState: () => null
})
for (const api of ['workload-development-kit', 'extensibility-toolkit', 'both', undefined] as const) {
  app.register(fabricJobState, { authentication: false, api, resolveJobState: () => null })
}
// @ts-expect-error There is no such API.
app.register(fabricJobState, { authentication: false, api: 'toolkit', resolveJobState: () => null })
// @ts-expect-error Tags are texts.
app.register(fabricJobState, { authentication: false, tags: [7], resolveJobState: () => null })
// @ts-expect-error A resolver has two parameters.
app.register(fabricJobState, { authentication: false, resolveJobState: (_job, _request, _context) => null })
app.register(fabricJobState, { authentication: false, resolveJobState: ({ jobInstanceId }) => jobs.get(jobInstanceId) })
// @ts-expect-error There is no such status.
app.register(fabricJobState, { authentication: false, resolveJobState: () => ({ status: 'Running' }) })
// @ts-expect-error A status is required.
app.register(fabricJobState, { authentication: false, resolveJobState: async () => ({ startTimeUtc: new Date() }) })
// @ts-expect-error A number is not a time.
app.register(fabricJobState, { authentication: false, resolveJobState: () => ({ status: 'Failed', endTimeUtc: 7 }) })
app.register(fabricJobState, {
  authentication: false,
  resolveJobState: (job) => {
    // @ts-expect-error There is no such parameter.
    return jobs.get(job.id)
  }
})
// @ts-expect-error A resolver is required.
app.register(fabricJobState, { authentication: false })
// @ts-expect-error There is no such option.
app.register(fabricJobState, { authentication: false, resolveJobState: () => null, timeout: 7 })
// @ts-expect-error A timeout is a number.
app.register(fabricJobState, { authentication: false, resolveJobState: () => null, resolverTimeout: '10s' })

// A database row with null can be returned as a state.
declare const jobs: Map<string, {
  id: number
  status: ItemJobInstanceState['status']
  startTimeUtc: Date | null
  endTimeUtc: string | null
  errorDetails: { errorCode: string, message: string, source: 'User', isPermanent: boolean | null } | null
}>
const resolver: JobStateResolver = async ({ jobInstanceId }) => jobs.get(jobInstanceId)
const options: FabricJobStateOptions = { resolveJobState: resolver, authentication: false }
app.register(fabricJobState, options)

const states: JobState[] = [
  { status: 'NotStarted' },
  { status: 'InProgress', startTimeUtc: new Date(), endTimeUtc: null },
  { status: 'Completed', startTimeUtc: '2023-12-10T14:41:39.412Z', endTimeUtc: undefined, errorDetails: null },
  {
    status: 'Failed',
    errorDetails: {
      errorCode: 'a',
      message: 'b',
      source: 'System',
      isPermanent: null,
      messageParameters: null,
      moreDetails: [{ errorCode: 'c', message: 'd', messageParameters: null }]
    }
  },
  // @ts-expect-error Statuses are case-sensitive.
  { status: 'completed' },
  // @ts-expect-error The status is required: null is not a status.
  { status: null },
  // @ts-expect-error The three required properties of errorDetails must not be null.
  { status: 'Failed', errorDetails: { errorCode: 'a', message: 'b' } },
  // @ts-expect-error There is no such source.
  { status: 'Failed', errorDetails: { errorCode: 'a', message: 'b', source: 'Nobody' } }
]
// A resolver may return the contract's type.
const state: JobState = { status: 'Completed' } satisfies ItemJobInstanceState
states.push(state, {} as ItemJobInstanceState)

const workloadError: WorkloadErrorOptions = { statusCode: 409, errorCode: 'a', message: 'b', source: 'User', cause: 7 }
const error = new WorkloadError(workloadError)
holds<Same<typeof error.source, 'System' | 'User' | 'External'>>()
holds<Same<typeof error.statusCode, number>>()
// toErrorResponse accepts any thrown value.
toErrorResponse(undefined)
const thrown: (Error & ErrorResponse)[] = [error]
// @ts-expect-error A source is required.
thrown.push(new WorkloadError({ statusCode: 409, errorCode: 'a', message: 'b' }))
// @ts-expect-error A statusCode is required.
thrown.push(new WorkloadError({ errorCode: 'a', message: 'b', source: 'User' }))
// @ts-expect-error There is no such source.
thrown.push(new WorkloadError({ statusCode: 409, errorCode: 'a', message: 'b', source: 'user' }))

holds<Same<ReturnType<typeof toErrorResponse>, ErrorAnswer>>()
holds<Same<ErrorAnswer['statusCode'], number>>()
holds<Same<ErrorAnswer['body'], ErrorResponse>>()

// Both names of the plugin are the same, and any server can register it.
holds<Same<typeof named, typeof fabricJobState>>()
Fastify({ http2: true }).register(fabricJobState, options)
Fastify({ https: { key: '', cert: '' } }).register(fabricJobState, options)
app.withTypeProvider<TypeBoxTypeProvider>().register(fabricJobState, options)
app.register(fabricJobState, () => options)

// Three options of authentication are required together, unless authentication is false; true is not allowed.
const authentication: AuthenticationOptions = { publisherTenantId: 'a', audience: ['b', 'c'], clientId: 'd' }
app.register(fabricJobState, { resolveJobState: resolver, authentication })
app.register(fabricJobState, { resolveJobState: resolver })
app.register(subjectAndApp, authentication)
app.register(subjectAndApp, { ...authentication, subjectToken: 'required', prefix: '/workload-api' })
// @ts-expect-error Two of the three required options are missing.
app.register(fabricJobState, { resolveJobState: resolver, authentication: { publisherTenantId: 'a' } })
// @ts-expect-error Only false disables authentication.
app.register(fabricJobState, { resolveJobState: resolver, authentication: true })
// @ts-expect-error The options are required.
app.register(fabricJobState, { resolveJobState: resolver, authentication: {} })
// @ts-expect-error There is no such option.
app.register(fabricJobState, { resolveJobState: resolver, authentication: { ...authentication, tenant: 'a' } })
// @ts-expect-error subjectAndApp cannot be disabled with false.
app.register(subjectAndApp, false)
// @ts-expect-error Two of the three required options are missing.
app.register(subjectAndApp, { publisherTenantId: 'a' })
// @ts-expect-error A subject token is optional or required.
app.register(subjectAndApp, { ...authentication, subjectToken: true })

// The decorators of subjectAndApp have types in each route of the host.
holds<Same<typeof app.authenticateSubjectAndApp, AuthenticationHook>>()
app.get('/', { onRequest: app.authenticateSubjectAndApp }, async (request) => {
  holds<Same<typeof request.fabricCaller, Caller | undefined>>()
  // @ts-expect-error The caller may be undefined.
  const { tenantId } = request.fabricCaller
  // @ts-expect-error The subject may be undefined.
  const { token } = request.fabricCaller?.subject
  // @ts-expect-error The caller is readonly.
  if (request.fabricCaller) request.fabricCaller.tenantId = ''
  return [tenantId, token]
})

// The messages of the channels have types.
diagnostics.refusal.subscribe(({ code, token, claim }) => {
  holds<Same<typeof code, RefusalCode>>()
  holds<Same<typeof token, 'app' | 'subject' | undefined>>()
  holds<Same<typeof claim, string | undefined>>()
})
// @ts-expect-error A message does not contain the request.
diagnostics.refusal.subscribe(({ request }) => request)
// @ts-expect-error There is no such code.
diagnostics.refusal.publish({ code: 'Unknown', token: undefined, claim: undefined })

// The plugin accepts the authentication of the simulated Fabric.
const fabric = createFabric({ tenantId: 'a' })
holds<Same<typeof fabric, Fabric>>()
app.register(fabricJobState, { resolveJobState: resolver, authentication: { ...fabric.authentication, clockTolerance: 0 } })
fabric.poll({ job: { jobType: 'a' }, version: '2.0', subjectToken: '', appToken: { claims: { idtyp: undefined } } })
  .then((poll) => app.inject(poll))
fabric.toolkitRequest('onCreateJobInstance', { prefix: '/a', job: { jobType: 'a' }, body: { executionData: {} }, version: '2.0' })
  .then((request) => app.inject(request))
// @ts-expect-error There is no such operation.
fabric.toolkitRequest('execute')
// @ts-expect-error There is no such version.
fabric.poll({ version: '3.0' })
// @ts-expect-error There is no such parameter.
fabric.poll({ job: { id: 'a' } })
// @ts-expect-error The option has another name.
createFabric({ tenant: 'a' })
