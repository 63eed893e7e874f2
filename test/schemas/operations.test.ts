import { readFileSync } from 'node:fs'

import swagger from '@fastify/swagger'
import { TypeBoxValidatorCompiler, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { validate } from '@readme/openapi-parser'
import { FormatRegistry } from '@sinclair/typebox'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyTypeProviderDefault } from 'fastify'
import t, { type Test } from 'tap'

import {
  CancelItemJobInstance, CreateItemJobInstance, definitions, GetItemJobInstanceState, type ErrorResponse,
  type ItemJobInstanceState
} from '../../schemas/index.js'

const contract = JSON.parse(readFileSync(new URL('../../schemas/openapi.json', import.meta.url), 'utf8'))
const operations = { CreateItemJobInstance, GetItemJobInstanceState, CancelItemJobInstance }

const url = '/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/Contoso.FinanceAnalytics.Forecast' +
  '/b14cb7e7-d346-4751-9cfd-8c2767d53111/jobTypes/calculateForecast/instances/63f77191-432d-4ee6-9c5f-31a1a6987072'
const headers = { 'x-ms-client-tenant-id': 'e5ef604d-e14f-4a59-9133-75d5a0cb9334', activityid: 'a' }
const state: ItemJobInstanceState = { status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }
const problem: ErrorResponse = { errorCode: 'InvalidRequest', message: 'm', source: 'User' }

/** Routes that use the operations as route options. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.setErrorHandler<Error>((error, request, reply) => reply.code(400).send({ ...problem, message: error.message }))
  app.route({
    ...CreateItemJobInstance,
    handler: async (request, reply) => {
      if (request.body.invokeType === 'Manual') throw new Error(request.params.jobType)
      return reply.code(202).send()
    }
  })
  app.route({ ...GetItemJobInstanceState, exposeHeadRoute: false, handler: async () => state })
  app.withTypeProvider<FastifyTypeProviderDefault>().route({
    ...CancelItemJobInstance,
    // Like a plugin that serializes its responses itself.
    handler: async (request, reply) => {
      const body = reply.serializeInput({ ...state, extra: 1 }, '200', 'application/json')
      return reply.type('application/json; charset=utf-8').send(body)
    }
  })
}

function host (t: Test): FastifyInstance {
  const app = Fastify()
  t.after(() => app.close())
  return app
}

/** The contract with resolved references; keywords beside a reference replace those of the definition. */
function resolved (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved)
  if (typeof value !== 'object' || value === null) return value
  const { $ref, ...others }: { $ref?: string } = value
  const target = $ref?.split('/').slice(1).reduce((part, name) => part[name], contract)
  return Object.fromEntries(Object.entries({ ...target, ...others }).map(([name, item]) => [name, resolved(item)]))
}

t.test('The document of @fastify/swagger has the contract\'s operations', async (t) => {
  const app = host(t)
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: contract.info, tags: contract.tags } })
  await app.register(routes)
  await app.ready()
  const document = JSON.parse(JSON.stringify(app.swagger()))
  t.match(await validate(structuredClone(document)), { valid: true })

  // The operations have no `security`: @fastify/swagger throws if the host's document does not declare the scheme.
  const paths = JSON.parse(JSON.stringify(contract.paths), (key, value) => key === 'security' ? undefined : value)
  t.strictSame(document.paths, resolved(paths))
  t.strictSame(document.components.schemas, {}, 'the document needs no components')
})

t.test('The document of @fastify/swagger has the contract\'s security if the host declares it', async (t) => {
  const app = host(t)
  const { securitySchemes } = contract.components
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: contract.info, components: { securitySchemes } } })
  await app.register(async (app) => {
    for (const { schema, ...route } of Object.values(operations)) {
      const handler = async () => state
      app.route({ ...route, schema: { ...schema, security: [{ SubjectAndApp: [] }] }, exposeHeadRoute: false, handler })
    }
  })
  await app.ready()
  t.strictSame(JSON.parse(JSON.stringify(app.swagger())).paths, resolved(contract.paths))
})

t.test('Each operation has the contract\'s method, path, ID and headers', async (t) => {
  for (const [name, { method, url, schema, headerNames }] of Object.entries(operations)) {
    const path = url.replace(/:(\w+)/g, '{$1}')
    t.equal(contract.paths[path][method.toLowerCase()].operationId, schema.operationId)
    t.equal(schema.operationId, `Jobs_${name}`)
    t.strictSame(headerNames, {
      'x-ms-client-tenant-id': 'x-ms-client-tenant-id', ActivityId: 'activityid', RequestId: 'requestid'
    })
  }
})

t.test('The exported definitions are those of the contract', async (t) => {
  const names = definitions.map(({ title }) => String(title))
  t.strictSame(names.toSorted(), Object.keys(contract.components.schemas).toSorted())
  t.strictSame(JSON.parse(JSON.stringify(definitions)), resolved(names.map((name) => contract.components.schemas[name])))
})

async function checkRoutes (t: Test, app: FastifyInstance): Promise<void> {
  const create = (body: object, path = url) => app.inject({ method: 'POST', url: path, headers, payload: body })
  const scheduled = await create({ invokeType: 'Triggered', creationPayload: { seconds: 20 } })
  t.strictSame([scheduled.statusCode, scheduled.body], [202, ''])
  const failed = await create({ invokeType: 'Manual' })
  t.strictSame([failed.statusCode, failed.json()], [400, { ...problem, message: 'calculateForecast' }])
  t.equal((await create({})).statusCode, 400)
  t.equal((await create({ invokeType: 'Scheduled' }, url.replace('e5ef604d', 'x'))).statusCode, 400)
  const text = await app.inject({
    method: 'POST', url, headers: { ...headers, 'content-type': 'text/plain' }, payload: '{"invokeType":"Scheduled"}'
  })
  t.equal(text.statusCode, 400, 'a body of another media type is checked, too')

  const get = await app.inject({ url, headers })
  t.strictSame([get.statusCode, get.body], [200, JSON.stringify(state)])
  const cancel = await app.inject({ method: 'POST', url: `${url}/cancel`, headers })
  t.strictSame([cancel.statusCode, cancel.body], [200, JSON.stringify(state)])
  t.equal(cancel.headers['content-type'], 'application/json; charset=utf-8')
}

t.test('Fastify validates and serializes routes that use the operations', async (t) => {
  const app = host(t)
  await app.register(routes)
  await checkRoutes(t, app)
})

t.test('A host that validates with TypeBox can use the operations', async (t) => {
  FormatRegistry.Set('uuid', (text) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text))
  t.after(() => FormatRegistry.Clear())
  const app = host(t)
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  await app.register(routes)
  await checkRoutes(t, app)
})

t.test('reply.serializeInput uses the compilers of the route', async (t) => {
  const app = host(t)
  const compiled: unknown[] = []
  app.route({
    ...GetItemJobInstanceState,
    exposeHeadRoute: false,
    validatorCompiler: () => () => true,
    serializerCompiler: ({ schema, httpStatus, contentType }) => {
      compiled.push([Object(schema).title, httpStatus, contentType])
      return (value) => JSON.stringify({ ...value, httpStatus })
    },
    handler: async (request, reply) => {
      t.equal(reply.serializeInput({ a: 1 }, '200', 'application/json'), '{"a":1,"httpStatus":"200"}')
      t.equal(reply.serializeInput({ a: 1 }, 'default', 'application/json'), '{"a":1,"httpStatus":"default"}')
      t.throws(() => reply.serializeInput({ a: 1 }, '404', 'application/json'), { message: /404/ })
      return reply.type('application/json; charset=utf-8').send(JSON.stringify(state))
    }
  })
  t.equal((await app.inject({ url, headers })).body, JSON.stringify(state))
  t.strictSame(compiled, [
    ['ItemJobInstanceState', '200', 'application/json'], ['ErrorResponse', 'default', 'application/json']
  ])
})

t.test('Parameters of a host\'s prefix reach the handler', async (t) => {
  const app = host(t)
  const handler = async ({ params }: FastifyRequest) => {
    t.match(params, { tenant: 'contoso', jobType: 'calculateForecast' })
    return state
  }
  await app.register(async (app) => app.route({ ...GetItemJobInstanceState, exposeHeadRoute: false, handler }), {
    prefix: '/:tenant'
  })
  t.equal((await app.inject({ url: `/contoso${url}`, headers })).statusCode, 200)
})
