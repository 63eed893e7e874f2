// Tests of the schemas' static types. The compiler checks them: nothing here runs.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type, type Static } from '@sinclair/typebox'
import Fastify from 'fastify'

import {
  CancelItemJobInstance, CreateItemJobInstance, CreateItemJobInstanceRequest, ErrorDetails,
  type ErrorExtendedInformation, ErrorResponse, type ErrorSource, GetItemJobInstanceState,
  type GetItemJobInstanceStateHeaders, type GetItemJobInstanceStateParams, ItemJobInstanceState,
  type JobInstanceStatus, type JobInvokeType, NameValuePair, type OnCancelJobInstanceBody, type OnCreateJobInstanceBody,
  type OnCreateJobInstanceParams, type OnGetJobInstanceStatusBody
} from '../../schemas/index.js'

/** True only for types that are identical for the compiler, with optional and readonly properties. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const holds = <T extends true>(_isSame?: T) => {}
// @ts-expect-error The types differ if a property is optional in one of them.
holds<Same<NameValuePair, { name: string, value?: string }>>()

type ErrorProperties = {
  errorCode: string
  message: string
  messageParameters?: string[]
  source: ErrorSource
  isPermanent?: boolean
  moreDetails?: ErrorExtendedInformation[]
}
holds<Same<JobInstanceStatus, 'NotStarted' | 'InProgress' | 'Completed' | 'Failed' | 'Cancelled'>>()
holds<Same<ErrorSource, 'System' | 'User' | 'External'>>()
holds<Same<NameValuePair, { name: string, value: string }>>()
holds<Same<ErrorDetails, ErrorProperties>>()
holds<Same<ErrorResponse, ErrorProperties>>()
holds<Same<ItemJobInstanceState, {
  status: JobInstanceStatus, startTimeUtc?: string, endTimeUtc?: string, errorDetails?: ErrorDetails
}>>()
holds<Same<GetItemJobInstanceStateParams, Record<
  'workspaceId' | 'itemType' | 'itemId' | 'jobType' | 'jobInstanceId', string>>>()
holds<Same<GetItemJobInstanceStateHeaders, {
  'x-ms-client-tenant-id': string, ActivityId?: string, RequestId?: string
}>>()
// @ts-expect-error The contract has no such status.
export const running: ItemJobInstanceState = { status: 'Running' }

// An extensible enum has its known values, and accepts any other string.
holds<Same<Extract<JobInvokeType, 'Scheduled'>, 'Scheduled'>>()
holds<Same<CreateItemJobInstanceRequest, { invokeType: JobInvokeType, creationPayload?: Record<string, unknown> }>>()
const requests: CreateItemJobInstanceRequest[] = [
  { invokeType: 'Manual' }, { invokeType: 'Triggered', creationPayload: { a: 1 } }
]
// @ts-expect-error The invoke type is required.
requests.push({ creationPayload: {} })

// The bodies of the toolkit's operations.
type Job = { jobType: string, jobInstanceId: string }
holds<Same<OnGetJobInstanceStatusBody, Job>>()
holds<Same<OnCancelJobInstanceBody, Job>>()
holds<Same<OnCreateJobInstanceBody, {
  jobType: string, jobInstanceId: string, executionData?: Record<string, unknown>, definition?: Record<string, unknown>
}>>()
holds<Same<OnCreateJobInstanceParams, Record<'workspaceId' | 'itemType' | 'itemId', string>>>()

// Composition keeps the types.
const status = Type.Pick(ItemJobInstanceState, ['status'])
const withoutTimes = Type.Omit(ItemJobInstanceState, ['startTimeUtc', 'endTimeUtc'])
const partial = Type.Partial(ItemJobInstanceState)
const composite = Type.Composite([status, NameValuePair])
const source = Type.Index(ErrorDetails, ['source'])
holds<Same<Static<typeof status>, { status: JobInstanceStatus }>>()
holds<Same<Static<typeof withoutTimes>, { status: JobInstanceStatus, errorDetails?: ErrorDetails }>>()
holds<Same<Static<typeof partial>, {
  status?: JobInstanceStatus, startTimeUtc?: string, endTimeUtc?: string, errorDetails?: ErrorDetails
}>>()
holds<Same<Static<typeof composite>, { status: JobInstanceStatus, name: string, value: string }>>()
holds<Same<Static<typeof source>, ErrorSource>>()
export { composite, partial, source, withoutTimes }

// The route of an operation has the types of its request and its response.
const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.route({
  ...CreateItemJobInstance,
  handler: async (request, reply) => {
    holds<Same<typeof request.body, CreateItemJobInstanceRequest>>()
    holds<Same<typeof request.params.jobInstanceId, string>>()
    holds<Same<typeof request.headers.activityid, string | undefined>>()
    return reply.code(202).send()
  }
})
app.route({ ...GetItemJobInstanceState, handler: async () => ({ status: 'Completed' as const }) })
// @ts-expect-error The contract has no such status.
app.route({ ...GetItemJobInstanceState, handler: async () => ({ status: 'Running' as const }) })
app.route({
  ...CancelItemJobInstance,
  handler: async () => ({ errorCode: 'a', message: 'b', source: 'User' as const })
})
