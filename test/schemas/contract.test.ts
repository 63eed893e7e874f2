import t from 'tap'
import { readFileSync } from 'node:fs'
import { validate } from '@readme/openapi-parser'

const text = readFileSync(new URL('../../schemas/openapi.json', import.meta.url), 'utf8')
const document = JSON.parse(text)
const operation =
  document.paths['/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}'].get

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

t.test('The document is valid OpenAPI 3.1', async (t) => {
  t.match(document.openapi, /^3\.1\./)
  t.same(await validate(JSON.parse(text)), { valid: true, warnings: [], specification: 'OpenAPI' })

  const broken = JSON.parse(text)
  broken.components.schemas.ErrorResponse.properties.source.$ref = '#/components/schemas/Nothing'
  t.equal((await validate(broken).catch(() => ({ valid: false }))).valid, false, 'the validator follows references')
})

t.test('It is the one operation of Workload Development v1', async (t) => {
  t.match(document.info, { title: 'Workload Development', version: 'v1' })
  t.equal(Object.keys(document.paths).length, 1)
  t.equal(operation.operationId, 'Jobs_GetItemJobInstanceState')
})

t.test('The path has the five parameters of the contract, with its sample request', async (t) => {
  const parameters = operation.parameters.filter((parameter: { in: string }) => parameter.in === 'path')
  const path = (name: string, description: string, schema: object, example: string) =>
    ({ name, in: 'path', required: true, description, schema, example })
  const uuid = { type: 'string', format: 'uuid' }
  t.strictSame(parameters, [
    path('workspaceId', 'The workspace.', uuid, 'e5ef604d-e14f-4a59-9133-75d5a0cb9334'),
    path('itemType', 'The item type.', { type: 'string' }, 'Contoso.FinanceAnalytics.Forecast'),
    path('itemId', 'The item.', uuid, 'b14cb7e7-d346-4751-9cfd-8c2767d53111'),
    path('jobType', 'The job type.', { type: 'string' }, 'calculateForecast'),
    path('jobInstanceId', 'The job instance.', uuid, '63f77191-432d-4ee6-9c5f-31a1a6987072')
  ])
})

t.test('Fabric sends the tenant, the two correlation ids and the dual token', async (t) => {
  const headers = operation.parameters.filter((parameter: { in: string }) => parameter.in === 'header')
  t.match(headers, [
    { name: 'x-ms-client-tenant-id', required: true, schema: { type: 'string', format: 'uuid' } },
    { name: 'ActivityId', required: false, schema: { type: 'string' } },
    { name: 'RequestId', required: false, schema: { type: 'string' } }
  ])
  t.equal(operation.parameters.length, 5 + headers.length)
  t.same(operation.security, [{ SubjectAndApp: [] }])
  t.match(document.components.securitySchemes.SubjectAndApp, { type: 'apiKey', in: 'header', name: 'Authorization' })
})

t.test('It answers 200 with the state and anything else with an error response', async (t) => {
  t.same(Object.keys(operation.responses), ['200', 'default'])
  t.same(operation.responses['200'].content, { 'application/json': { schema: ref('ItemJobInstanceState') } })
  t.same(operation.responses.default.content, { 'application/json': { schema: ref('ErrorResponse') } })
})

t.test('The seven definitions are those of the contract, word for word', async (t) => {
  t.strictSame(document.components.schemas, {
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
