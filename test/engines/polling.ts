import { randomUUID } from 'node:crypto'

import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'

import { fabricJobState, type JobInstance, type JobStateResolver } from '../../lib/index.js'
import { createFabric, type FabricHeaders } from '../../lib/testing/index.js'

const fabric = createFabric()

/** The caller that owns the jobs. */
export const CALLER = { tenantId: fabric.registration.tenantId }

/** A new job instance of Fabric's sample item and job type. */
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

/** Polls jobs over HTTP as Fabric does, with the tokens of a tenant. */
export class Poller {
  readonly #app: FastifyInstance
  readonly #headers = new Map<string, Promise<FabricHeaders>>()

  constructor (resolveJobState: JobStateResolver) {
    this.#app = Fastify({ routerOptions: { maxParamLength: 256 } })
    this.#app.register(fabricJobState, { resolveJobState, authentication: fabric.authentication })
  }

  async poll (job: JobInstance, tenantId?: string): Promise<Answer> {
    const { statusCode, body } = await this.response(job, tenantId)
    return { statusCode, body: JSON.parse(body) }
  }

  /** The whole response, for tests that need more than status and body. */
  async response (job: JobInstance, tenantId: string = CALLER.tenantId): Promise<LightMyRequestResponse> {
    const headers = this.#headers.get(tenantId) ?? fabric.headers({ tenantId })
    this.#headers.set(tenantId, headers)
    const { url } = await fabric.poll({ job, appToken: 'made before', subjectToken: '' })
    return this.#app.inject({ url, headers: await headers })
  }
}

/** The response for a job that does not exist. */
export const NOT_THERE: Answer = {
  statusCode: 404,
  body: {
    errorCode: 'JobInstanceNotFound',
    message: 'The job instance was not found.',
    source: 'System',
    isPermanent: true
  }
}

/** The response while the engine is down. */
export const ENGINE_DOWN: Answer = {
  statusCode: 503,
  body: {
    errorCode: 'EngineUnavailable',
    message: 'The job engine of the workload is not available at the moment. Try again later.',
    source: 'System',
    isPermanent: false
  }
}

/** The response with the state of a job. */
export function state (body: Record<string, unknown>): Answer {
  return { statusCode: 200, body }
}

/** Polls a job with each part of its owner changed: the response is the same as for a job that does not exist. */
export async function checkOwner (t: Test, fabric: Poller, job: JobInstance): Promise<void> {
  const changes: Partial<JobInstance>[] = [
    { workspaceId: randomUUID() },
    { itemType: 'Contoso.FinanceAnalytics.Report' },
    { itemType: 'contoso.financeanalytics.forecast' },
    { itemType: 'Contoso\0' },
    { itemId: randomUUID() },
    { jobType: 'CalculateForecast' },
    { jobType: 'calculate\0' }
  ]
  const unknown = await fabric.response(someJob())
  for (const change of changes) {
    const response = await fabric.response({ ...job, ...change })
    t.equal(response.statusCode, 404, JSON.stringify(change))
    t.equal(response.body, unknown.body, 'the same body as for an unknown id')
  }
  t.strictSame(await fabric.poll(job, randomUUID()), NOT_THERE, 'another tenant')
}
