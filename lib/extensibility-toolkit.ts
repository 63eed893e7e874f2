import type { FastifyInstance } from 'fastify'

import {
  type CreateItemJobInstanceRequest, OnCancelJobInstance, OnCreateJobInstance, type OnCreateJobInstanceBody,
  OnGetJobInstanceStatus, type OnGetJobInstanceStatusBody, type OnGetJobInstanceStatusParams
} from '../schemas/index.js'
import type { JobCallbacks, JobInstance } from './callbacks.js'
import { jobInstance } from './job-instance.js'
import { serveOperation, type Services } from './operation.js'
import { ownCopy } from './own-properties.js'

// Experimental: the operations on jobs of the Extensibility Toolkit, as its sample back end has them. No contract is published
// as of November 2026. The path names the item, the body the job.

interface InBody<Body = OnGetJobInstanceStatusBody> {
  params: OnGetJobInstanceStatusParams
  body: Body
}

/** Serves `onGetJobInstanceStatus`. */
export function serveState (
  app: FastifyInstance, services: Services, { resolveJobState }: Pick<JobCallbacks, 'resolveJobState'>
): void {
  serveOperation(app, services, {
    ...OnGetJobInstanceStatus,
    successStatus: 200,
    call: (request: InBody, context) => resolveJobState(jobOf(request), context)
  })
}

/** Serves `onCreateJobInstance`, `onGetJobInstanceStatus` and `onCancelJobInstance`. */
export function serveJobs (app: FastifyInstance, services: Services, callbacks: JobCallbacks): void {
  const { createJobInstance, resolveJobState, cancelJobInstance } = callbacks
  serveOperation(app, services, {
    ...OnCreateJobInstance,
    successStatus: 201,
    async call (request: InBody<OnCreateJobInstanceBody>, context) {
      const job = jobOf(request)
      await createJobInstance(job, createRequest(request.body), context)
      // An accepted job exists, even if it is not visible yet.
      return await resolveJobState(job, context) ?? { status: 'NotStarted' }
    }
  })
  serveState(app, services, callbacks)
  serveOperation(app, services, {
    ...OnCancelJobInstance,
    successStatus: 200,
    call: (request: InBody, context) => cancelJobInstance(jobOf(request), context)
  })
}

/** The item of the path, and the job type and the job instance of the body. Other properties of the body are ignored. */
function jobOf ({ params, body: { jobType, jobInstanceId } }: InBody): JobInstance {
  return jobInstance({ ...params, jobType, jobInstanceId })
}

/** Converts a create to the contract's form. The toolkit does not report what invoked the job, so the invoke type is unknown. */
function createRequest (body: OnCreateJobInstanceBody): CreateItemJobInstanceRequest {
  const { executionData } = ownCopy(body)
  const invokeType = 'UnknownFutureValue'
  return executionData === undefined ? { invokeType } : { invokeType, creationPayload: executionData }
}
