import t from 'tap'
import { readFileSync } from 'node:fs'
import { validate } from '@readme/openapi-parser'

const text = readFileSync(new URL('../../schemas/openapi.json', import.meta.url), 'utf8')
const document = JSON.parse(text)
const path = '/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}'
const create = document.paths[path].post
const state = document.paths[path].get
const cancel = document.paths[`${path}/cancel`].post
const operations = [create, state, cancel]
const parameters = Object.values<{ name: string, in: string }>(document.components.parameters)

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const closed = (description: string, required: string[], properties: Record<string, object>) => ({
  type: 'object',
  description,
  properties: Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, { ...schema, readOnly: true }])),
  required,
  additionalProperties: false
})

const errorCode = { type: 'string', description: 'The error code.' }
const message = { type: 'string', description: 'The error message.' }
const messageParameters = {
  type: 'array',
  items: { type: 'string' },
  description: 'A list of parameters for formatting a localized message.'
}
const errorProperties = {
  errorCode,
  message,
  messageParameters,
  source: { ...ref('ErrorSource'), description: 'The source of the error.' },
  isPermanent: {
    type: 'boolean',
    description: 'Indicates whether the error is permanent or the operation can be retried.'
  },
  moreDetails: {
    type: 'array',
    items: ref('ErrorExtendedInformation'),
    description: 'A list of additional error details.'
  }
}

t.test('The contract is a valid OpenAPI 3.1 document', async (t) => {
  t.match(document.openapi, /^3\.1\./)
  t.same(await validate(JSON.parse(text)), { valid: true, warnings: [], specification: 'OpenAPI' })

  const broken = JSON.parse(text)
  broken.components.schemas.ErrorResponse.properties.source.$ref = '#/components/schemas/Nothing'
  t.equal((await validate(broken).catch(() => ({ valid: false }))).valid, false, 'the validator follows references')
})

t.test('The contract is the Jobs service of Workload Development v1, with three operations', async (t) => {
  t.match(document.info, { title: 'Workload Development', version: 'v1' })
  t.strictSame(
    Object.fromEntries(Object.entries<object>(document.paths).map(([path, methods]) => [path, Object.keys(methods)])),
    { [path]: ['post', 'get'], [`${path}/cancel`]: ['post'] })
  t.strictSame(operations.map(({ operationId }) => operationId),
    ['Jobs_CreateItemJobInstance', 'Jobs_GetItemJobInstanceState', 'Jobs_CancelItemJobInstance'])
})

t.test('The operations of the contract have the same parameters', async (t) => {
  const references = parameters.map(({ name }) => ({ $ref: `#/components/parameters/${name}` }))
  t.same(Object.keys(document.components.parameters), parameters.map(({ name }) => name))
  for (const operation of operations) t.strictSame(operation.parameters, references)
})

t.test('The path has five parameters, with the values of the sample request', async (t) => {
  const path = (name: string, description: string, schema: object, example: string) =>
    ({ name, in: 'path', required: true, description, schema, example })
  const uuid = { type: 'string', format: 'uuid' }
  t.strictSame(parameters.filter((parameter) => parameter.in === 'path'), [
    path('workspaceId', 'The workspace.', uuid, 'e5ef604d-e14f-4a59-9133-75d5a0cb9334'),
    path('itemType', 'The item type.', { type: 'string' }, 'Contoso.FinanceAnalytics.Forecast'),
    path('itemId', 'The item.', uuid, 'b14cb7e7-d346-4751-9cfd-8c2767d53111'),
    path('jobType', 'The job type.', { type: 'string' }, 'calculateForecast'),
    path('jobInstanceId', 'The job instance.', uuid, '63f77191-432d-4ee6-9c5f-31a1a6987072')
  ])
})

t.test('The request headers are the tenant, the two correlation IDs and the two tokens', async (t) => {
  const headers = parameters.filter((parameter) => parameter.in === 'header')
  t.match(headers, [
    { name: 'x-ms-client-tenant-id', required: true, schema: { type: 'string', format: 'uuid' } },
    { name: 'ActivityId', required: false, schema: { type: 'string' } },
    { name: 'RequestId', required: false, schema: { type: 'string' } }
  ])
  t.equal(parameters.length, 5 + headers.length)
  for (const { security } of operations) t.same(security, [{ SubjectAndApp: [] }])
  t.match(document.components.securitySchemes.SubjectAndApp, { type: 'apiKey', in: 'header', name: 'Authorization' })
})

t.test('State and cancel respond with the state, create without a body, and every other status with an error', async (t) => {
  for (const { responses } of [state, cancel]) {
    t.same(Object.keys(responses), ['200', 'default'])
    t.same(responses['200'].content, { 'application/json': { schema: ref('ItemJobInstanceState') } })
  }
  t.same(Object.keys(create.responses), ['202', 'default'])
  t.strictSame(create.responses['202'], { description: 'Successfully scheduled.' })
  for (const { responses } of operations) {
    t.same(responses.default.content, { 'application/json': { schema: ref('ErrorResponse') } })
  }
})

t.test('Create requires a body, and state and cancel have none', async (t) => {
  t.strictSame(create.requestBody, {
    description: 'The parameters controlling the job instance execution.',
    required: true,
    content: { 'application/json': { schema: ref('CreateItemJobInstanceRequest') } }
  })
  for (const operation of [state, cancel]) t.notOk('requestBody' in operation)
})

t.test('The nine definitions are identical to those of the contract', async (t) => {
  const titled = Object.entries<{ title?: string }>(document.components.schemas)
  const untitled = titled.map(([name, { title, ...schema }]) => {
    t.equal(title, name)
    return [name, schema]
  })
  t.strictSame(Object.fromEntries(untitled), {
    CreateItemJobInstanceRequest: {
      type: 'object',
      description: 'The parameters controlling the job instance execution.',
      properties: {
        invokeType: { ...ref('JobInvokeType'), description: 'The item job invoke type.' },
        creationPayload: {
          type: 'object',
          properties: {},
          additionalProperties: true,
          description: 'Creation payload specific to the workload, item and job type.'
        }
      },
      required: ['invokeType'],
      additionalProperties: false
    },
    JobInvokeType: {
      description: 'The job invoke type.',
      anyOf: [{ type: 'string', enum: ['UnknownFutureValue', 'Scheduled', 'Manual'] }, { type: 'string' }]
    },
    ItemJobInstanceState: {
      ...closed('The job instance state.', ['status'], {
        status: { ...ref('JobInstanceStatus'), description: 'The status of the job instance.' },
        startTimeUtc: { type: 'string', format: 'date-time', description: 'The job instance start time.' },
        endTimeUtc: { type: 'string', format: 'date-time', description: 'The job instance end time.' },
        errorDetails: {
          ...ref('ErrorDetails'),
          description: 'The error details in case of the job instance failure.'
        }
      }),
      examples: [{ status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }]
    },
    JobInstanceStatus: {
      type: 'string',
      description: 'The status of an item job instance.',
      enum: ['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled']
    },
    ErrorDetails: closed('The error details.', ['errorCode', 'message', 'source'], errorProperties),
    ErrorResponse: closed('The error response.', ['errorCode', 'message', 'source'], errorProperties),
    ErrorExtendedInformation: closed('The extended error information.', ['errorCode', 'message'], {
      errorCode,
      message,
      messageParameters,
      additionalParameters: {
        type: 'array',
        items: ref('NameValuePair'),
        description: 'A list of additional parameters specific to the error.'
      }
    }),
    ErrorSource: { type: 'string', description: 'The source of the error.', enum: ['System', 'User', 'External'] },
    NameValuePair: closed('A name-value pair.', ['name', 'value'], {
      name: { type: 'string', description: 'The name.' },
      value: { type: 'string', description: 'The value.' }
    })
  })
})
