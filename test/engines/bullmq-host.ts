import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type LightMyRequestResponse } from 'fastify'

import { subjectAndApp, toErrorResponse, type JobInstance, type JobState, type JobStateContext } from '../../lib/index.js'
import type { bullmqJobs } from '../../lib/engines/bullmq.js'
import { createFabric } from '../../lib/testing/index.js'
import { CALLER, NOT_THERE, type Answer } from './polling.js'

const fabric = createFabric()
const PATH = '/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId'

export interface Request {
  tenantId?: string
  body?: object
  activityId?: string
}

/** Serves the three callbacks as they are, over HTTP, to callers with Fabric's tokens. */
export class JobsHost {
  readonly #app: FastifyInstance

  constructor ({ createJobInstance, resolveJobState, cancelJobInstance }: ReturnType<typeof bullmqJobs>) {
    this.#app = Fastify({ routerOptions: { maxParamLength: 256 } })
    this.#app.register(async (app) => {
      await app.register(subjectAndApp, fabric.authentication)
      app.addHook('onRequest', app.authenticateSubjectAndApp)
      app.setErrorHandler((error, _request, reply) => {
        const { statusCode, body } = toErrorResponse(error)
        return reply.code(statusCode).send(body)
      })
      app.post<{ Params: JobInstance, Body: { invokeType: 'Manual' } }>(PATH, async (request, reply) => {
        await createJobInstance(request.params, request.body, contextOf(request))
        return reply.code(202).send()
      })
      app.get<{ Params: JobInstance }>(PATH, async (request, reply) =>
        answer(reply, await resolveJobState(request.params, contextOf(request))))
      app.post<{ Params: JobInstance }>(`${PATH}/cancel`, async (request, reply) =>
        answer(reply, await cancelJobInstance(request.params, contextOf(request))))
    })
  }

  create (job: JobInstance, request: Request = {}): Promise<Answer> {
    return this.#send('POST', job, '', { body: { invokeType: 'Manual' }, ...request })
  }

  state (job: JobInstance, request: Request = {}): Promise<Answer> {
    return this.#send('GET', job, '', request)
  }

  cancel (job: JobInstance, request: Request = {}): Promise<Answer> {
    return this.#send('POST', job, '/cancel', request)
  }

  async #send (method: 'GET' | 'POST', job: JobInstance, action: string, request: Request): Promise<Answer> {
    const { tenantId = CALLER.tenantId, body: payload, activityId } = request
    const headers = { ...await fabric.headers({ tenantId }), ...activityId !== undefined && { activityid: activityId } }
    const { url } = await fabric.poll({ job, appToken: 'made before', subjectToken: '' })
    const response: LightMyRequestResponse = await this.#app.inject({
      method, url: `${url}${action}`, headers, ...payload !== undefined && { payload }
    })
    return { statusCode: response.statusCode, body: response.body === '' ? undefined : JSON.parse(response.body) }
  }
}

function answer (reply: FastifyReply, state: JobState | null | undefined): FastifyReply {
  if (!state) return reply.code(404).send(NOT_THERE.body)
  // `null` in an optional property means absent.
  return reply.send(Object.fromEntries(Object.entries(state).filter(([, value]) => value !== null)))
}

function contextOf (request: FastifyRequest): JobStateContext {
  return {
    request,
    log: request.log,
    signal: new AbortController().signal,
    caller: request.fabricCaller,
    activityId: request.headers.activityid?.toString(),
    requestId: undefined
  }
}
