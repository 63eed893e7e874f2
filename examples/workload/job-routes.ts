import { Type, type TString, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { toErrorResponse, type Caller, type JobInstance } from 'fastify-fabric-job-state'
import {
  GetItemJobInstanceState, GetItemJobInstanceStateHeaders, GetItemJobInstanceStateParams
} from 'fastify-fabric-job-state/schemas'
import type { FastifyInstance, FastifyRequest } from 'fastify'

import { forecastPayload, type ForecastPayload } from './forecast-job.js'

const { workspaceId, itemType, itemId, jobType, jobInstanceId } = GetItemJobInstanceStateParams.properties
// Ajv takes urn:uuid: and 36 characters for a uuid, too.
const uuid = (contract: TString) => Type.String({ ...contract, maxLength: 36 })
const name = (contract: TString) => Type.String({ ...contract, minLength: 1 })
const params = Type.Object({
  workspaceId: uuid(workspaceId),
  itemType: name(itemType),
  itemId: uuid(itemId),
  jobType: name(jobType),
  jobInstanceId: uuid(jobInstanceId)
})
// Who has to send them, authentication knows.
const headers = Type.Partial(GetItemJobInstanceStateHeaders)
const body = Type.Object({
  invokeType: Type.Optional(Type.String()),
  creationPayload: Type.Optional(Type.Union([forecastPayload, Type.Null()]))
}, { examples: [{ creationPayload: { seconds: 20 } }] })
const accepted = Type.Unsafe<undefined>(Type.Null({ description: 'It runs as soon as a worker has time.' }))

/** An engine full of jobs, as far as Fabric's calls go. */
export interface Jobs {
  start: (job: JobInstance, caller: Caller | undefined, payload: ForecastPayload) => Promise<void>
  cancel: (job: JobInstance) => Promise<void>
}

/**
 * The two calls that change something, beside the plugin's: `POST` on the same path starts a job, `POST …/cancel`
 * cancels it and answers with its state. They fail in the same form as the plugin.
 */
export async function jobRoutes (app: FastifyInstance, { jobs }: { jobs: Jobs }): Promise<void> {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  const onRequest = app.hasDecorator('authenticateSubjectAndApp') ? [app.authenticateSubjectAndApp] : []

  const start = { summary: 'Start the job', params, headers, body, response: { 202: accepted } }
  routes.post(GetItemJobInstanceState.url, { onRequest, schema: start }, async (request, reply) => {
    await jobs.start(request.params, request.fabricCaller, request.body.creationPayload ?? {})
    return reply.code(202).send()
  })

  const cancel = { summary: 'Cancel the job, and tell its state', params, headers }
  routes.post(`${GetItemJobInstanceState.url}/cancel`, { onRequest, schema: cancel }, async (request, reply) => {
    // Whether it is there for this caller, and what there is to say of it, the plugin knows.
    const isThere = (await poll(app, request)).statusCode === 200
    if (isThere) await jobs.cancel(request.params)
    const { statusCode, body } = await poll(app, request)
    return reply.code(statusCode).type('application/json; charset=utf-8').send(body)
  })

  app.setErrorHandler((error, request, reply) => {
    const { statusCode, body } = toErrorResponse(error)
    if (statusCode >= 500) request.log.error(error)
    return reply.code(statusCode).send(body)
  })
}

const CALLERS = ['authorization', 'x-ms-client-tenant-id', 'activityid', 'requestid'] as const

function poll (app: FastifyInstance, { url, headers }: FastifyRequest) {
  return app.inject({
    url: url.replace(/\/cancel(?=$|\?)/, ''),
    headers: Object.fromEntries(CALLERS.flatMap((name) => headers[name] === undefined ? [] : [[name, headers[name]]]))
  })
}
