import { readFileSync } from 'node:fs'

import swagger from '@fastify/swagger'
import { validate } from '@readme/openapi-parser'
import Fastify from 'fastify'
import t from 'tap'

import { fabricJobs } from '../../lib/index.js'
import { OnCancelJobInstance, OnCreateJobInstance, OnGetJobInstanceStatus } from '../../schemas/index.js'

const read = (file: string) => JSON.parse(readFileSync(new URL(`../../schemas/${file}`, import.meta.url), 'utf8'))
const document = read('extensibility-toolkit.json')
const contract = read('openapi.json')
const item = '/workspaces/{workspaceId}/items/{itemType}/{itemId}'

/** The document with resolved references. */
function resolved (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved)
  if (typeof value !== 'object' || value === null) return value
  const { $ref, ...others }: { $ref?: string } = value
  const target = $ref?.split('/').slice(1).reduce((part, name) => part[name], document)
  return Object.fromEntries(Object.entries({ ...target, ...others }).map(([name, each]) => [name, resolved(each)]))
}

t.test('The document of the toolkit is valid OpenAPI 3.1, marked as experimental', async (t) => {
  t.same(await validate(structuredClone(document)), { valid: true, warnings: [], specification: 'OpenAPI' })
  t.match(document.info, { title: /experimental/, version: 'experimental', description: /as of November 2026/ })
  for (const { post } of Object.values<{ post: object }>(document.paths)) {
    t.match(post, { summary: /\(experimental\)$/, description: /Experimental: as of November 2026 no contract is published/ })
  }
})

t.test('The document of the toolkit has the three operations of the sample back end', async (t) => {
  t.strictSame(
    Object.fromEntries(Object.entries<object>(document.paths).map(([path, methods]) => [path, Object.keys(methods)])),
    Object.fromEntries(['onCreateJobInstance', 'onGetJobInstanceStatus', 'onCancelJobInstance'].map((name) => [`${item}/jobs/${name}`, ['post']])))
  const job = { jobType: { type: 'string', minLength: 1 }, jobInstanceId: { type: 'string', format: 'uuid' } }
  const open = { type: 'object', additionalProperties: true }
  for (const [name, properties, status] of [
    ['onCreateJobInstance', { ...job, executionData: open, definition: open }, 201], ['onGetJobInstanceStatus', job, 200], ['onCancelJobInstance', job, 200]
  ] as const) {
    const { requestBody, responses, security } = document.paths[`${item}/jobs/${name}`].post
    const { schema } = requestBody.content['application/json']
    t.match(schema, { type: 'object', properties, required: ['jobType', 'jobInstanceId'] })
    t.same(Object.keys(schema.properties), Object.keys(properties))
    t.notOk('additionalProperties' in schema, 'unknown properties are ignored')
    t.same(Object.keys(responses), [String(status), 'default'])
    t.match(responses[status].content, { 'application/json': { schema: { $ref: '#/components/schemas/ItemJobInstanceState' } } })
    t.match(responses.default.content, { 'application/json': { schema: { $ref: '#/components/schemas/ErrorResponse' } } })
    t.same(security, [{ SubjectAndApp: [] }])
  }
})

t.test('The definitions, parameters and security of the toolkit\'s document are those of the contract', async (t) => {
  const { CreateItemJobInstanceRequest, JobInvokeType, ...schemas } = contract.components.schemas
  const { jobType, jobInstanceId, ...parameters } = contract.components.parameters
  t.strictSame(document.components, { ...contract.components, schemas, parameters })
})

t.test('The document of a server with api: extensibility-toolkit is the toolkit\'s', async (t) => {
  const app = Fastify({ routerOptions: { maxParamLength: 256 } })
  t.after(() => app.close())
  const { securitySchemes } = document.components
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: document.info, components: { securitySchemes } } })
  app.register(fabricJobs, {
    createJobInstance: () => {},
    resolveJobState: () => null,
    cancelJobInstance: () => null,
    authentication: false,
    api: 'extensibility-toolkit',
    security: [{ SubjectAndApp: [] }]
  })
  await app.ready()
  const emitted = JSON.parse(JSON.stringify(app.swagger()))
  t.match(await validate(structuredClone(emitted)), { valid: true })
  const paths = JSON.parse(JSON.stringify(resolved(document.paths)))
  for (const [path, { post }] of Object.entries<{ post: Emitted }>(paths)) {
    // The schema of a body has its name and description, because Fastify's route options have no other place for them.
    const { content, description } = post.requestBody
    const name = String(path.split('/').at(-1)).replace(/^o/, 'O')
    Object.assign(content['application/json'].schema, { title: `${name}Body`, description })
    Object.assign(post, { requestBody: { content, required: true, description } })
  }
  t.strictSame(emitted.paths, paths)
})

interface Emitted { requestBody: { description: string, content: { 'application/json': { schema: object } } } }

t.test('Each operation of the toolkit has the document\'s method, path, ID and headers', async (t) => {
  for (const [name, { method, url, schema, headerNames }] of Object.entries({ OnCreateJobInstance, OnGetJobInstanceStatus, OnCancelJobInstance })) {
    t.equal(method, 'POST')
    t.equal(document.paths[url.replace(/:(\w+)/g, '{$1}')].post.operationId, schema.operationId)
    t.equal(schema.operationId, `ExtensibilityToolkit_${name}`)
    t.strictSame(headerNames, { 'x-ms-client-tenant-id': 'x-ms-client-tenant-id', ActivityId: 'activityid', RequestId: 'requestid' })
  }
})
