import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { validate } from '@readme/openapi-parser'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState from '../lib/index.js'
import { definitions } from '../schemas/index.js'
import { host, pluginOptions } from './helpers/poll.js'

// The plugin's operations in the OpenAPI document of a host. schemas/operations.test.ts compares the document with the contract.

const path = '/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}'

async function documentedHost (t: Test, options: Partial<FastifyDynamicSwaggerOptions> = {}): Promise<FastifyInstance> {
  const app = host(t)
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Workload', version: '1' } }, ...options })
  return app
}

/** The host's OpenAPI document, checked by an independent validator. */
async function documentOf (t: Test, app: FastifyInstance) {
  await app.ready()
  // Parsed from text, as a client gets it.
  const document = JSON.parse(JSON.stringify(app.swagger()))
  t.match(await validate(structuredClone(document)), { valid: true }, 'is valid OpenAPI')
  return document
}

t.test('A document has one operationId for two registrations of the plugin', async (t) => {
  const app = await documentedHost(t)
  app.register(fabricJobState, pluginOptions(undefined, { prefix: '/a' }))
  app.register(fabricJobState, pluginOptions(undefined, { prefix: '/b' }))
  const { paths } = await documentOf(t, app)
  const { operationId, ...operation } = paths['/a' + path].get
  t.equal(operationId, 'Jobs_GetItemJobInstanceState')
  t.same(paths['/b' + path].get, operation)
})

t.test('The documents of two servers in one process both have the operationId', async (t) => {
  for (let server = 0; server < 2; server++) {
    const app = await documentedHost(t)
    app.register(fabricJobState, pluginOptions())
    t.equal((await documentOf(t, app)).paths[path].get.operationId, 'Jobs_GetItemJobInstanceState')
  }
})

t.test('The plugin adds no schema to the host, whose own schemas of the same names stay as they are', async (t) => {
  const app = await documentedHost(t, { refResolver: { buildLocalReference: ({ $id }) => String($id) } })
  const own = { type: 'object', properties: { oops: { type: 'string' } } }
  app.addSchema({ $id: 'ErrorResponse', ...own })
  for (const prefix of ['/a', '/b']) await app.register(fabricJobState, pluginOptions(undefined, { prefix }))
  for (const { title } of definitions) if (title !== 'ErrorResponse') app.addSchema({ $id: String(title), ...own })
  app.get('/host', { schema: { response: { default: { description: 'Oops.', $ref: 'ErrorResponse#' } } } }, () => {})

  const { components, paths } = await documentOf(t, app)
  t.same(Object.keys(components.schemas).sort(), definitions.map(({ title }) => title).sort())
  for (const schema of Object.values(components.schemas)) t.same(schema, own)
  t.equal(paths['/host'].get.responses.default.content['application/json'].schema.$ref, '#/components/schemas/ErrorResponse')
})
