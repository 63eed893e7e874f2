import { randomUUID } from 'node:crypto'

import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'

import { fabricJobState, type JobInstance, type JobStateResolver } from '../../lib/index.js'

export const TENANT = '6f2a1c1e-7d4b-4b8e-9a54-0c3f2d1e5b6a'
export const CALLER = { tenantId: TENANT, app: { claims: {} } }

/** A job instance of its own, of Fabric's sample item and job type. */
export function someJob (job: Partial<JobInstance> = {}): JobInstance {
  return {
    workspaceId: 'e5ef604d-e14f-4a59-9133-75d5a0cb9334',
    itemType: 'Contoso.FinanceAnalytics.Forecast',
    itemId: 'b14cb7e7-d346-4751-9cfd-8c2767d53111',
    jobType: 'calculateForecast',
    jobInstanceId: randomUUID(),
    ...job
  }
}

export interface Answer {
  statusCode: number
  body: unknown
}

/** Fabric: asks over HTTP how a job is doing. */
export class Fabric {
  readonly app: FastifyInstance

  constructor (resolveJobState: JobStateResolver) {
    this.app = Fastify({ routerOptions: { maxParamLength: 256 } })
    this.app.register(fabricJobState, { resolveJobState: callerFromHeader(resolveJobState), authentication: false })
  }

  async poll (job: JobInstance, tenantId: string | undefined = TENANT): Promise<Answer> {
    const { statusCode, body } = await this.response(job, tenantId)
    return { statusCode, body: JSON.parse(body) }
  }

  /** The whole response, for those who look at more than status and body. */
  response (job: JobInstance, tenantId: string | undefined = TENANT): Promise<LightMyRequestResponse> {
    const [workspaceId, itemType, itemId, jobType, jobInstanceId] =
      [job.workspaceId, job.itemType, job.itemId, job.jobType, job.jobInstanceId].map(encodeURIComponent)
    return this.app.inject({
      url: `/workspaces/${workspaceId}/items/${itemType}/${itemId}/jobTypes/${jobType}/instances/${jobInstanceId}`,
      headers: { 'x-ms-client-tenant-id': tenantId }
    })
  }
}

/** Stands in for the authentication, which hands on the tenant that the token and this header agree on. */
function callerFromHeader (resolveJobState: JobStateResolver): JobStateResolver {
  return (job, { request, log, signal, activityId, requestId }) => {
    const tenantId = String(request.headers['x-ms-client-tenant-id'])
    return resolveJobState(job, { request, log, signal, activityId, requestId, caller: { ...CALLER, tenantId } })
  }
}

/** What is answered for a job that is not there. */
export const NOT_THERE: Answer = {
  statusCode: 404,
  body: {
    errorCode: 'JobInstanceNotFound',
    message: 'The workload knows no such job instance.',
    source: 'System',
    isPermanent: true
  }
}

/** What is answered while the engine is down. */
export const ENGINE_DOWN: Answer = {
  statusCode: 503,
  body: {
    errorCode: 'EngineUnavailable',
    message: 'The state of the job cannot be told at the moment: the job engine of the workload does not answer.',
    source: 'System',
    isPermanent: false
  }
}

/** What is answered for a job that is there. */
export function state (body: Record<string, unknown>): Answer {
  return { statusCode: 200, body }
}
