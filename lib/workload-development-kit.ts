import type { FastifyInstance } from 'fastify'

import {
  CancelItemJobInstance, CreateItemJobInstance, type CreateItemJobInstanceRequest, GetItemJobInstanceState,
  type GetItemJobInstanceStateParams
} from '../schemas/index.js'
import type { JobCallbacks } from './callbacks.js'
import { jobInstance } from './job-instance.js'
import { serveOperation, type Services } from './operation.js'

// The Jobs service of the contract: the path names the job.

interface InPath { params: GetItemJobInstanceStateParams }

/** Serves `Jobs_GetItemJobInstanceState`. */
export function serveState (
  app: FastifyInstance, services: Services, { resolveJobState }: Pick<JobCallbacks, 'resolveJobState'>
): void {
  serveOperation(app, services, {
    ...GetItemJobInstanceState,
    successStatus: 200,
    call: ({ params }: InPath, context) => resolveJobState(jobInstance(params), context)
  })
}

/** Serves the three operations of the Jobs service. */
export function serveJobs (app: FastifyInstance, services: Services, callbacks: JobCallbacks): void {
  const { createJobInstance, cancelJobInstance } = callbacks
  serveOperation(app, services, {
    ...CreateItemJobInstance,
    successStatus: 202,
    call: ({ params, body }: InPath & { body: CreateItemJobInstanceRequest }, context) => createJobInstance(jobInstance(params), body, context)
  })
  serveState(app, services, callbacks)
  // A scope, because parsers of bodies are settings of the scope.
  app.register(async (scope) => {
    ignoreBodies(scope)
    serveOperation(scope, services, {
      ...CancelItemJobInstance,
      successStatus: 200,
      call: ({ params }: InPath, context) => cancelJobInstance(jobInstance(params), context)
    })
  })
}

/** The contract has no body for a cancel, but HTTP clients may send a content type with an empty one, which Fastify refuses. */
function ignoreBodies (scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  // As a buffer, so that Fastify applies its `bodyLimit`.
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => { done(null) })
}
