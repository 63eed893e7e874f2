import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { Fabric } from 'fastify-fabric-job-state/testing'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

import { nameModels } from './name-models.js'

export interface ApiPageOptions {
  /** The simulated Fabric that signs the tokens; undefined if Entra ID issues them. */
  fabric: Fabric | undefined
  /** The prefix of the workload's API. */
  api: string
}

/**
 * The API as a page at `/documentation`, on which each operation can be executed. The values of the contract's sample are
 * filled in. If Fabric is simulated, its Authorization header is filled in too, and the sample job exists. Register it
 * before the routes that it shows.
 */
export const apiPage = fastifyPlugin<ApiPageOptions>(async (app, { fabric, api }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Workload API for Microsoft Fabric: jobs', version: 'v1', description: fabric ? ABOUT + TO_TRY : ABOUT },
      // OpenAPI ignores a parameter named Authorization; the key of a security scheme is sent unchanged.
      components: {
        securitySchemes: {
          SubjectAndApp: { type: 'apiKey', in: 'header', name: 'Authorization', description: SCHEME }
        }
      },
      security: [{ SubjectAndApp: [] }],
      tags: [{ name: 'Jobs', description: 'What Fabric calls to start, poll and cancel the jobs of a workload\'s items.' }]
    },
    transform: ({ schema, url }) => ({ schema: { ...schema, tags: ['Jobs'] }, url }),
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
    transformObject: documentOf(fabric?.registration.tenantId)
  })
  await app.register(swaggerUi, {
    routePrefix: '/documentation',
    staticCSP: {
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'connect-src': "'self'",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'"
    },
    theme: { title: 'Workload API for Microsoft Fabric', css: [{ filename: 'calm.css', content: CALM }] },
    uiConfig: {
      docExpansion: 'list',
      tryItOutEnabled: true,
      displayRequestDuration: true,
      defaultModelsExpandDepth: 0,
      ...(fabric && { onComplete: authorize })
    }
  })
  if (fabric) app.addHook('onListen', () => startSampleJob(app, fabric, api))
}, { name: 'api-page' })

const ABOUT = `
Microsoft Fabric calls these operations: it starts a job, polls its state once a minute until the job has ended, and may
cancel it. Every request carries a SubjectAndApp token pair. Any response other than 200, 201 or 202 has an
\`ErrorResponse\`.
`

const TO_TRY = `
All values are filled in, and on this machine also the \`Authorization\` header, for an hour: open an operation and press
**Execute**. The job appears on [the page that simulates Fabric](/), too.
`

const SCHEME = 'The value of the header, as Fabric sends it: `SubjectAndAppToken1.0 subjectToken="…", appToken="…"`'

/**
 * Swagger UI without its banner, which can load other documents, and without its curl command, which
 * shows whole tokens; with space for a UUID.
 */
const CALM = `
.swagger-ui :is(.topbar, .curl-command) { display: none }
.swagger-ui .parameters input { width: 100%; max-width: 28rem }
`

/** An additional description of an operation. */
const TRYING = {
  create: 'The response is 202 once the job is accepted, in the Extensibility Toolkit 201 with its state. Fabric sends the same ' +
    'request again where it got no response: a job that exists is not started twice. To start another job, change ' +
    '`jobInstanceId`, for example its last digit.',
  state: '`NotStarted` and `InProgress` are polled again; `Completed`, `Failed` and `Cancelled` are final. A failed job is ' +
    'a 200 with `errorDetails`, whose message people read in Fabric\'s monitoring hub.',
  cancel: 'The response is the state after the cancellation. A job that has ended keeps the state that it ended in.'
}

const NOT_FOUND = {
  errorCode: 'JobInstanceNotFound', message: 'The job instance was not found.', source: 'System', isPermanent: true
}

const CREATE_REQUEST = { invokeType: 'Manual', creationPayload: { seconds: 20 } }
const TOOLKIT_REQUEST = { jobType: 'calculateForecast', jobInstanceId: '63f77191-432d-4ee6-9c5f-31a1a6987072' }

/** The texts and the bodies of the POST operations, by the end of their paths. */
const POSTS: Record<string, { text: string, body?: object }> = {
  '{jobInstanceId}': { text: TRYING.create, body: CREATE_REQUEST },
  cancel: { text: TRYING.cancel },
  onCreateJobInstance: { text: TRYING.create, body: { ...TOOLKIT_REQUEST, executionData: { seconds: 20 } } },
  onGetJobInstanceStatus: { text: TRYING.state, body: TOOLKIT_REQUEST },
  onCancelJobInstance: { text: TRYING.cancel, body: TOOLKIT_REQUEST }
}

/** Fills in the tenant of the tokens and a valid request, describes the operations and names the models. */
function documentOf (tenantId: string | undefined): NonNullable<FastifyDynamicSwaggerOptions['transformObject']> {
  return (document) => {
    if (!('openapiObject' in document)) return document.swaggerObject
    const { openapiObject } = document
    for (const [path, operations] of Object.entries(openapiObject.paths ?? {})) {
      describe(operations?.get, TRYING.state, tenantId)
      const { text = '', body } = POSTS[path.slice(path.lastIndexOf('/') + 1)] ?? {}
      describe(operations?.post, text, tenantId)
      if (body) giveExample(operations?.post?.requestBody, body)
      for (const operation of [operations?.get, operations?.post]) giveExample(operation?.responses?.default, NOT_FOUND)
    }
    return nameModels(openapiObject)
  }
}

/** @param part a request body or a response */
function giveExample (part: { content?: Record<string, object> } | object | undefined, example: object): void {
  const json = part && 'content' in part ? part.content?.['application/json'] : undefined
  if (json) Object.assign(json, { example })
}

interface Operation {
  description?: string
  parameters?: object[]
}

function describe (operation: Operation | undefined, text: string, tenantId: string | undefined): void {
  if (operation === undefined) return
  operation.description = [operation.description, text].filter(Boolean).join('\n\n')
  for (const parameter of operation.parameters ?? []) {
    const isTenant = 'name' in parameter && parameter.name === 'x-ms-client-tenant-id'
    if (isTenant && tenantId) Object.assign(parameter, { example: tenantId })
  }
}

/** The variable of Swagger UI in the browser, for `authorize`. */
declare const ui: { preauthorizeApiKey: (scheme: string, key: string) => void }

/** Runs in the browser: fills in the Authorization header if the server provides one to this machine. */
async function authorize (): Promise<void> {
  const response = await fetch('/fabric/headers')
  if (!response.ok) return
  const { authorization } = Object(await response.json())
  ui.preauthorizeApiKey('SubjectAndApp', authorization)
}

/** Starts the contract's sample job. If it exists already from an earlier start of the server, it is not started again. */
async function startSampleJob (app: FastifyInstance, fabric: Fabric, api: string): Promise<void> {
  await app.inject({ ...await fabric.poll({ prefix: api }), method: 'POST', payload: CREATE_REQUEST })
}
