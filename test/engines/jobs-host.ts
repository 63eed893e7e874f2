import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'

import {
  fabricJobs, type CancelJobInstance, type CreateJobInstance, type JobInstance, type JobStateResolver
} from '../../lib/index.js'
import { createFabric } from '../../lib/testing/index.js'
import { CALLER, type Answer } from './polling.js'

const fabric = createFabric()

export interface Request {
  tenantId?: string
  body?: object
  activityId?: string
}

/** The three callbacks of an engine. */
export interface Callbacks {
  createJobInstance: CreateJobInstance
  resolveJobState: JobStateResolver
  cancelJobInstance: CancelJobInstance
}

/** A workload over an engine, which gets requests with Fabric's tokens. */
export class JobsHost {
  readonly #app: FastifyInstance

  constructor (callbacks: Callbacks) {
    this.#app = Fastify({ routerOptions: { maxParamLength: 256 } })
    this.#app.register(fabricJobs, { authentication: fabric.authentication, ...callbacks })
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
    const { statusCode, body } = await this.response(method, job, action, request)
    return { statusCode, body: body === '' ? undefined : JSON.parse(body) }
  }

  /** The whole response, for tests that need more than status and body. */
  async response (method: 'GET' | 'POST', job: JobInstance, action: string, request: Request): Promise<LightMyRequestResponse> {
    const { tenantId = CALLER.tenantId, body: payload, activityId } = request
    const headers = { ...await fabric.headers({ tenantId }), ...activityId !== undefined && { activityid: activityId } }
    const { url } = await fabric.poll({ job, appToken: 'made before', subjectToken: '' })
    return await this.#app.inject({ method, url: `${url}${action}`, headers, ...payload !== undefined && { payload } })
  }
}
