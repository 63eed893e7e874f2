// A workload in Azure Functions: an HTTP trigger passes its request to the Fastify server, which does not listen. In the function
// app, with `npm install @azure/functions` and "extensions": { "http": { "routePrefix": "" } } in host.json:
//
//   import { app as functions } from '@azure/functions'
//   import { httpHandler } from './azure-functions.js'
//
//   functions.http('workload-api', { methods: ['GET', 'POST'], authLevel: 'anonymous', route: 'workload-api/{*path}', handler })
//
// where `handler` is `httpHandler(createWorkload(authentication, jobs))`. "anonymous", because Fabric sends no function key:
// the plugin authenticates its requests.
import type { OutgoingHttpHeaders } from 'node:http'

import fabricJobState, { type AuthenticationOptions, type JobState } from 'fastify-fabric-job-state'
import Fastify, { type FastifyInstance } from 'fastify'

/** The part of the `HttpRequest` of `@azure/functions` that the handler reads. */
export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Iterable<[name: string, value: string]>
  readonly text: () => Promise<string>
}

/** The result of the handler: an `HttpResponseInit` of `@azure/functions`. */
export interface HttpResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/** The server of the workload. Here the jobs are in a Map; in a function app they are in a database. */
export function createWorkload (authentication: AuthenticationOptions, jobs: ReadonlyMap<string, JobState>): FastifyInstance {
  const app = Fastify({ logger: true, routerOptions: { maxParamLength: 256 } })
  app.register(fabricJobState, {
    prefix: '/workload-api',
    authentication,
    resolveJobState: ({ jobInstanceId }) => jobs.get(jobInstanceId)
  })
  return app
}

/** The handler of an HTTP trigger, over all routes of a server. */
export function httpHandler (app: FastifyInstance) {
  return async (request: HttpRequest): Promise<HttpResponse> => {
    const { pathname, search } = new URL(request.url)
    const { statusCode, headers, body } = await app.inject({
      method: request.method === 'POST' ? 'POST' : 'GET', // the trigger accepts no other method
      url: pathname + search,
      headers: Object.fromEntries(request.headers),
      payload: await request.text()
    })
    return { status: statusCode, headers: endToEnd(headers), body }
  }
}

/** The headers without `connection`: the function host handles the connection. */
function endToEnd ({ connection, ...headers }: OutgoingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}
