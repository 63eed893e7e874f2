import t from 'tap'
import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { validate } from '@readme/openapi-parser'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import Fastify from 'fastify'

import type { OpenApiDocument, Parameter } from '../../schemas/generate.js'
import {
  definitions, GetItemJobInstanceState, GetItemJobInstanceStateHeaders, GetItemJobInstanceStateParams,
  type ErrorDetails, type ErrorExtendedInformation, type ErrorResponse, type ErrorSource, type ItemJobInstanceState,
  type JobInstanceStatus, type NameValuePair
} from '../../schemas/index.js'
import * as plain from '../../schemas/plain.js'

const document: OpenApiDocument = JSON.parse(
  readFileSync(new URL('../../schemas/openapi.json', import.meta.url), 'utf8'))
const path = '/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}'
const operation = document.paths[path]?.['get'] ?? missing(path)

const sample: ItemJobInstanceState = { status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }
const sampleUrl = '/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/Contoso.FinanceAnalytics.Forecast' +
  '/b14cb7e7-d346-4751-9cfd-8c2767d53111/jobTypes/calculateForecast/instances/63f77191-432d-4ee6-9c5f-31a1a6987072'
const failure: ErrorDetails = {
  errorCode: 'SeriesTooShort',
  message: 'The series is too short to forecast.',
  messageParameters: ['3'],
  source: 'User',
  isPermanent: true,
  moreDetails: [{
    errorCode: 'MissingValues',
    message: 'Values are missing.',
    messageParameters: [],
    additionalParameters: [{ name: 'count', value: '3' }]
  }]
}

function missing (what: string): never {
  throw new Error(`openapi.json lacks ${what}`)
}

/** A TypeBox schema as OpenAPI has it. */
function asOpenApi (schema: object): unknown {
  return JSON.parse(JSON.stringify(schema), function (key, value) {
    if (key === '$id') return undefined
    return key === '$ref' ? `#/components/schemas/${value}` : value
  })
}

function parametersAsObject (where: string) {
  const parameters = operation.parameters.filter((parameter) => parameter.in === where)
  const asProperty = ({ name, description, schema, example }: Parameter) =>
    [name, { ...schema, description, ...(example !== undefined && { examples: [example] }) }]
  return {
    type: 'object',
    properties: Object.fromEntries(parameters.map(asProperty)),
    required: parameters.filter(({ required }) => required).map(({ name }) => name)
  }
}

t.test('The definitions are the document\'s, under the same names', async (t) => {
  const byName = Object.fromEntries(definitions.map((schema) => [schema.$id, asOpenApi(schema)]))
  t.strictSame(byName, document.components.schemas)
})

t.test('The parameters and headers are the document\'s', async (t) => {
  t.strictSame(asOpenApi(GetItemJobInstanceStateParams), {
    ...parametersAsObject('path'),
    description: 'The path parameters of Jobs_GetItemJobInstanceState.',
    additionalProperties: false
  })
  t.strictSame(asOpenApi(GetItemJobInstanceStateHeaders), {
    ...parametersAsObject('header'),
    description: 'The request headers of Jobs_GetItemJobInstanceState.'
  })
})

t.test('The plain schemas are those of TypeBox', async (t) => {
  const { definitions: plainDefinitions, ...others } = plain
  t.same([...plainDefinitions], definitions.map((schema) => JSON.parse(JSON.stringify(schema))))
  t.strictSame(plain.GetItemJobInstanceState, JSON.parse(JSON.stringify({
    method: GetItemJobInstanceState.method,
    url: GetItemJobInstanceState.url,
    schema: { ...GetItemJobInstanceState.schema, headers: GetItemJobInstanceStateHeaders }
  })))
  t.strictSame(plain.GetItemJobInstanceStateParams, JSON.parse(JSON.stringify(GetItemJobInstanceStateParams)))
  t.same(Object.keys(others).sort(), [
    ...definitions.map(({ $id }) => $id), 'GetItemJobInstanceState', 'GetItemJobInstanceStateParams'
  ].sort())
})

t.test('The operation is the document\'s', async (t) => {
  const { method, url, schema, headerNames } = GetItemJobInstanceState
  t.equal(method, 'GET')
  t.equal(url, '/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId')
  t.match(operation, {
    operationId: schema.operationId, summary: schema.summary, description: schema.description
  })
  t.equal(schema.params, GetItemJobInstanceStateParams)
  t.strictSame(headerNames, {
    'x-ms-client-tenant-id': 'x-ms-client-tenant-id', ActivityId: 'activityid', RequestId: 'requestid'
  })
  t.strictSame(asOpenApi(schema.response), Object.fromEntries(Object.entries(operation.responses).map(
    ([status, { description, content }]) => [status, { ...content['application/json'].schema, description }])))
})

t.test('Ajv in strict mode', async (t) => {
  const ajv = new Ajv({ strict: true, allErrors: true, schemas: [...definitions] })
  addFormats.default(ajv)
  const valid = ($id: string, value: unknown) => ajv.validate($id, value)

  await t.test('compiles all seven', async (t) => {
    t.equal(definitions.length, 7)
    for (const { $id } of definitions) t.type(ajv.getSchema(String($id)), 'function', String($id))
  })

  await t.test('accepts the sample and a full answer', async (t) => {
    t.ok(valid('ItemJobInstanceState', sample))
    t.same(document.components.schemas['ItemJobInstanceState']?.examples, [sample])
    t.ok(valid('ItemJobInstanceState', {
      status: 'Failed', startTimeUtc: '2023-12-10T14:41:39Z', endTimeUtc: '2023-12-10T14:42:39Z', errorDetails: failure
    }))
    t.ok(valid('ErrorResponse', failure))
    for (const status of ['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled']) {
      t.ok(valid('ItemJobInstanceState', { status }), status)
    }
  })

  const wrongStates: Record<string, unknown> = {
    'no status': { startTimeUtc: sample.startTimeUtc },
    'an unknown status': { status: 'Running' },
    'a status in lower case': { status: 'completed' },
    'a null status': { status: null },
    'a time that is none': { ...sample, startTimeUtc: 'yesterday' },
    'an empty time': { ...sample, endTimeUtc: '' },
    'a time without an offset': { ...sample, endTimeUtc: '2023-12-10T14:41:39' },
    'a time as a number': { ...sample, endTimeUtc: 1702219299412 },
    'a property of its own': { ...sample, progress: 50 },
    'error details without a message': { status: 'Failed', errorDetails: { errorCode: 'E', source: 'User' } },
    'error details from elsewhere': { status: 'Failed', errorDetails: { ...failure, source: 'Elsewhere' } },
    'error details with a property of their own': { status: 'Failed', errorDetails: { ...failure, stack: 'at' } },
    'more details that are not closed': {
      status: 'Failed', errorDetails: { ...failure, moreDetails: [{ errorCode: 'E', message: 'm', source: 'User' }] }
    },
    'an additional parameter without a value': {
      status: 'Failed',
      errorDetails: {
        ...failure, moreDetails: [{ errorCode: 'E', message: 'm', additionalParameters: [{ name: 'n' }] }]
      }
    },
    'message parameters that are not strings': {
      status: 'Failed', errorDetails: { ...failure, messageParameters: [3] }
    },
    'a list': [sample],
    'a string': 'InProgress',
    null: null
  }
  for (const [what, state] of Object.entries(wrongStates)) {
    await t.test(`refuses a state that has or is: ${what}`, async (t) => t.notOk(valid('ItemJobInstanceState', state)))
  }

  for (const name of ['errorCode', 'message', 'source']) {
    await t.test(`refuses an error response without ${name}`, async (t) => {
      t.notOk(valid('ErrorResponse', { ...failure, [name]: undefined }))
    })
  }
})

const answers: FastifyPluginAsyncTypebox = async (app) => {
  for (const schema of definitions) app.addSchema(schema)
  // Whatever answers an error has to answer an ErrorResponse: Fastify's own body is refused by the serializer.
  app.setErrorHandler<Error>((error, request, reply) => reply.code(400).send({ ...failure, message: error.message }))
  app.route({
    ...GetItemJobInstanceState,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { jobType, workspaceId } = request.params
      if (jobType === 'calculateForecast') return sample
      return reply.code(404).send({ ...failure, message: workspaceId })
    }
  })
}

t.test('Fastify takes the operation as a route and serializes by the definitions', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(answers)

  const state = await app.inject(sampleUrl)
  t.equal(state.statusCode, 200)
  t.equal(state.body, '{"status":"InProgress","startTimeUtc":"2023-12-10T14:41:39.412Z"}')

  const error = await app.inject(sampleUrl.replace('calculateForecast', 'other'))
  t.equal(error.statusCode, 404)
  t.same(error.json(), { ...failure, message: 'e5ef604d-e14f-4a59-9133-75d5a0cb9334' })

  const malformed = await app.inject(sampleUrl.replace('e5ef604d', 'x'))
  t.equal(malformed.statusCode, 400)
  t.same(malformed.json(), { ...failure, message: 'params/workspaceId must match format "uuid"' })
})

/** `@fastify/swagger` publishes `$ref` without what stands beside it, which OpenAPI 3.1 would allow. */
const withBareReferences = (key: string, value: { $ref?: string } | null) =>
  value?.$ref === undefined ? value : { $ref: value.$ref }

t.test('@fastify/swagger gives the document\'s operation and definitions back', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(swagger, {
    openapi: { openapi: '3.1.0' },
    refResolver: { buildLocalReference: (json) => String(json.$id) }
  })
  await app.register(answers)
  await app.ready()

  const published = JSON.parse(JSON.stringify(app.swagger()))
  t.equal((await validate(JSON.parse(JSON.stringify(published)))).valid, true)
  t.strictSame(published.components.schemas,
    JSON.parse(JSON.stringify(document.components.schemas), withBareReferences))

  const { get } = published.paths[path]
  t.match(get, { operationId: operation.operationId, summary: operation.summary, description: operation.description })
  t.match(get.parameters, operation.parameters.filter(({ in: where }) => where === 'path'))
  t.strictSame(get.responses, operation.responses)
})

t.test('The static types are the contract\'s', async (t) => {
  // `Same` is `true` only for types that the compiler holds identical, optional properties and mutability included.
  type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
  type ErrorProperties = {
    errorCode: string
    message: string
    messageParameters?: string[]
    source: ErrorSource
    isPermanent?: boolean
    moreDetails?: ErrorExtendedInformation[]
  }
  const same: [
    Same<JobInstanceStatus, 'NotStarted' | 'InProgress' | 'Completed' | 'Failed' | 'Cancelled'>,
    Same<ErrorSource, 'System' | 'User' | 'External'>,
    Same<NameValuePair, { name: string, value: string }>,
    Same<ErrorDetails, ErrorProperties>,
    Same<ErrorResponse, ErrorProperties>,
    Same<ItemJobInstanceState, {
      status: JobInstanceStatus
      startTimeUtc?: string
      endTimeUtc?: string
      errorDetails?: ErrorDetails
    }>,
    Same<GetItemJobInstanceStateParams, Record<
      'workspaceId' | 'itemType' | 'itemId' | 'jobType' | 'jobInstanceId', string>>,
    Same<NameValuePair, { name: string, value?: string }>
  ] = [true, true, true, true, true, true, true, false]
  t.equal(same.at(-1), false, 'a property that is optional in one alone makes them differ')

  // @ts-expect-error: the compiler refuses a status that is not the contract's.
  const wrong: ItemJobInstanceState = { status: 'Running' }
  t.notOk(JSON.stringify(definitions[1].enum).includes(wrong.status))
})
