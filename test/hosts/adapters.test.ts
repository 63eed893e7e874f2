// Serverless adapters: a request that never came over a socket of Node's.
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'

import Fastify, { type FastifyInstance } from 'fastify'
import serverless from 'serverless-http'
import t, { type Test } from 'tap'

import { createWorkload, httpHandler } from '../../examples/azure-functions.js'
import fabricJobState from '../../lib/index.js'
import { createFabric, type FabricHeaders } from '../../lib/testing/index.js'
import { contractProblems, sampleState } from '../helpers/poll.js'

const prefix = '/workload-api'

/** Sends a GET request through an adapter. */
type Send = (url: string, headers: Record<string, string>) => Promise<{ statusCode: number, body: string }>

/** Checks that each kind of caller gets the same response as over a socket. */
async function checkAdapter (t: Test, fabric: ReturnType<typeof createFabric>, send: Send) {
  const { url, headers } = await fabric.poll({ prefix })
  const answer = await send(url, headers)
  t.equal(answer.statusCode, 200, answer.body)
  t.same(JSON.parse(answer.body), sampleState)

  for (const { name, statusCode, headers } of await fabric.badHeaders()) {
    const refusal = await send(url, headers)
    t.equal(refusal.statusCode, statusCode, name)
    t.same(contractProblems('ErrorResponse', JSON.parse(refusal.body)), [], name)
  }
  t.equal((await send(url, {})).statusCode, 401, 'no headers at all')
}

/** The event of an API gateway with a proxy integration, payload format 2.0. */
function gatewayEvent (url: string, headers: Record<string, string>) {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: url,
    rawQueryString: '',
    headers,
    requestContext: { http: { method: 'GET', path: url, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7' } },
    isBase64Encoded: false
  }
}

/** The response that the gateway forwards. */
function answerOf (answer: { statusCode?: number, body?: string }) {
  const { statusCode = 0, body = '' } = answer
  return { statusCode, body }
}

async function hostOf (t: Test, fabric: ReturnType<typeof createFabric>): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(fabricJobState, { prefix, authentication: fabric.authentication, resolveJobState: () => sampleState })
  await app.ready()
  return app
}

t.test('serverless-http over app.routing, whose requests have no rawHeaders, is served and refused as a socket is', async (t) => {
  const fabric = createFabric()
  const app = await hostOf(t, fabric)
  const handle = serverless((request: IncomingMessage, response: ServerResponse) => app.routing(request, response))
  await checkAdapter(t, fabric, async (url, headers) => {
    return answerOf(await handle(gatewayEvent(url, headers), {}))
  })
})

t.test('a request whose rawHeaders are undefined is served and refused as a socket is', async (t) => {
  const fabric = createFabric()
  const app = await hostOf(t, fabric)
  const handle = serverless((request: IncomingMessage, response: ServerResponse) => {
    Object.assign(request, { rawHeaders: undefined })
    app.routing(request, response)
  })
  await checkAdapter(t, fabric, async (url, headers) => {
    return answerOf(await handle(gatewayEvent(url, headers), {}))
  })
})

const { url: recordedUrl, headers: recordedHeaders, ...recorded } =
  JSON.parse(readFileSync('test/hosts/azure-http-trigger.json', 'utf8'))

/** The request of a trigger as the function host passes it, with valid headers of Fabric. */
function trigger ({ url = recordedUrl, headers = {}, body = '' }: { url?: string, headers?: Record<string, string>, body?: string }) {
  return { ...recorded, url, headers: new Headers({ ...recordedHeaders, ...headers }), text: async () => body }
}

t.test('an HTTP trigger of Azure Functions', async (t) => {
  const fabric = createFabric()
  const { authentication, close } = await fabric.listen()
  t.teardown(close)
  const app = createWorkload(authentication, new Map([['63f77191-432d-4ee6-9c5f-31a1a6987072', sampleState]]))
  t.after(() => app.close())
  const handler = httpHandler(app)
  const origin = new URL(recordedUrl).origin

  t.test('is served and refused as a socket is', async (t) => {
    await checkAdapter(t, fabric, async (url, headers) => {
      const { status, body } = await handler(trigger({ url: origin + url, headers }))
      return { statusCode: status, body }
    })
  })

  t.test('with a query and the headers of the front end around it is answered 200, with the headers of the answer', async (t) => {
    const response = await handler(trigger({ headers: await fabric.headers() }))
    t.match(response, {
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', connection: undefined }
    })
    t.same(JSON.parse(response.body), sampleState)
  })

  t.test('with an expired token is answered 401, with the scheme', async (t) => {
    const headers: FabricHeaders = await fabric.headers({ appToken: { claims: { exp: 1 } } })
    t.match(await handler(trigger({ headers })), { status: 401, headers: { 'www-authenticate': 'SubjectAndAppToken1.0' } })
  })
})
