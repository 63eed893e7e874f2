import { readFileSync } from 'node:fs'

import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { validate } from '@readme/openapi-parser'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState from '../lib/index.js'
import { definitions } from '../schemas/index.js'
import { host, pluginOptions } from './helpers/poll.js'

const contract = JSON.parse(readFileSync(new URL('../schemas/openapi.json', import.meta.url), 'utf8'))
const path = '/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}'
const names = definitions.map(({ $id }) => String($id))

/** A host whose schemas are documented, under their own names unless said otherwise. */
async function documentedHost (t: Test, options: Partial<FastifyDynamicSwaggerOptions> = {}): Promise<FastifyInstance> {
  const app = host(t)
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Workload', version: '1' } },
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
    ...options
  })
  return app
}

/** The host's OpenAPI document, held to be one. */
async function documentOf (t: Test, app: FastifyInstance) {
  await app.ready()
  // As text: what a reader of the document gets.
  const document = JSON.parse(JSON.stringify(app.swagger()))
  t.match(await validate(structuredClone(document)), { valid: true }, 'is valid OpenAPI')
  return document
}

/** A schema without what @fastify/swagger leaves out: it writes nothing beside a `$ref`, and takes `examples` elsewhere. */
function reduced (schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value) => {
    if (value?.$ref !== undefined) return { $ref: value.$ref }
    return key === 'examples' ? undefined : value
  })
}

const renamed = (schema: unknown) =>
  JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', '#/components/schemas/FabricJobState.'))

t.test('The OpenAPI document of a host', async (t) => {
  t.test('has the contract\'s seven definitions as components, under their names', async (t) => {
    const app = await documentedHost(t)
    app.register(fabricJobState, pluginOptions())
    const { components } = await documentOf(t, app)
    t.equal(names.length, 7)
    t.same(Object.keys(components.schemas).sort(), [...names].sort())
    t.same(reduced(components.schemas), reduced(contract.components.schemas))
  })

  t.test('has the contract\'s operation', async (t) => {
    const app = await documentedHost(t)
    app.register(fabricJobState, pluginOptions(undefined, { prefix: '/workload-api' }))
    const { paths } = await documentOf(t, app)
    t.same(Object.keys(paths), ['/workload-api' + path])
    const { tags, security, ...operation } = contract.paths[path].get
    t.same(reduced(paths['/workload-api' + path]), reduced({ get: operation }))
  })

  t.test('has each definition once, and one operationId, for two registrations', async (t) => {
    const app = await documentedHost(t)
    app.register(fabricJobState, pluginOptions(undefined, { prefix: '/a' }))
    app.register(fabricJobState, pluginOptions(undefined, { prefix: '/b' }))
    const { paths, components } = await documentOf(t, app)
    t.same(Object.keys(components.schemas).sort(), [...names].sort())
    const { operationId, ...operation } = paths['/a' + path].get
    t.equal(operationId, 'Jobs_GetItemJobInstanceState')
    t.same(paths['/b' + path].get, operation)
  })

  t.test('has the operationId of each of two servers in one process', async (t) => {
    for (let server = 0; server < 2; server++) {
      const app = await documentedHost(t)
      app.register(fabricJobState, pluginOptions())
      t.equal((await documentOf(t, app)).paths[path].get.operationId, 'Jobs_GetItemJobInstanceState')
    }
  })

  t.test('has the definitions as titles where @fastify/swagger numbers the components', async (t) => {
    const app = host(t)
    await app.register(swagger, { openapi: { info: { title: 'Workload', version: '1' } } })
    app.register(fabricJobState, pluginOptions())
    const { components } = await documentOf(t, app)
    const titles = Object.values<{ title: string }>(components.schemas).map(({ title }) => title)
    t.same(titles.sort(), [...names].sort())
  })

  t.test('takes the contract\'s definitions that the host has itself', async (t) => {
    const app = await documentedHost(t)
    for (const definition of definitions) app.addSchema(definition)
    app.register(fabricJobState, pluginOptions())
    const { components, paths } = await documentOf(t, app)
    t.same(Object.keys(components.schemas).sort(), [...names].sort())
    t.equal(paths[path].get.responses[200].content['application/json'].schema.$ref,
      '#/components/schemas/ItemJobInstanceState')
  })

  t.test('keeps the host\'s other schemas of the same names, and has the contract\'s beside them', async (t) => {
    const app = await documentedHost(t)
    const own = { type: 'object', properties: { oops: { type: 'string' } } }
    app.addSchema({ $id: 'ErrorResponse', ...own })
    app.get('/host', { schema: { response: { default: { description: 'Oops.', $ref: 'ErrorResponse#' } } } }, () => {})
    for (const prefix of ['/a', '/b']) app.register(fabricJobState, pluginOptions(undefined, { prefix }))

    const { components, paths } = await documentOf(t, app)
    t.same(Object.keys(components.schemas).sort(),
      ['ErrorResponse', ...names.map((name) => `FabricJobState.${name}`)].sort())
    t.same(components.schemas.ErrorResponse, own)
    t.equal(paths['/host'].get.responses.default.content['application/json'].schema.$ref,
      '#/components/schemas/ErrorResponse')
    for (const name of names) {
      t.same(reduced(components.schemas[`FabricJobState.${name}`]), renamed(reduced(contract.components.schemas[name])))
    }
    for (const prefix of ['/a', '/b']) {
      t.same(reduced(paths[prefix + path].get.responses), renamed(reduced(contract.paths[path].get.responses)))
    }
  })

  t.test('is as it was for the host\'s own schemas that come after the plugin', async (t) => {
    const app = await documentedHost(t)
    await app.register(fabricJobState, pluginOptions())
    app.addSchema({ $id: 'ErrorResponse', type: 'object', properties: { oops: { type: 'string' } } })
    app.addSchema({ $id: 'Forecast', type: 'object', properties: { value: { type: 'number' } } })
    const { components } = await documentOf(t, app)
    t.same(components.schemas.ErrorResponse, { type: 'object', properties: { oops: { type: 'string' } } })
    t.same(components.schemas.Forecast, { type: 'object', properties: { value: { type: 'number' } } })
  })
})
