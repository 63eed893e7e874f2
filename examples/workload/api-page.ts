import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { Fabric } from 'fastify-fabric-job-state/testing'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

export interface ApiPageOptions {
  /** What signs the tokens; none where Entra ID does. */
  fabric: Fabric | undefined
  /** Where the workload's API begins. */
  api: string
}

/**
 * The API as a page at `/documentation`, to be tried out: the values of the contract's sample are filled in, and where
 * a Fabric of one's own can start it, its job is there. Register it before the routes that it is to show.
 */
export const apiPage = fastifyPlugin<ApiPageOptions>(async (app, { fabric, api }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'A workload of Microsoft Fabric', version: 'v1', description: fabric ? ABOUT + TO_TRY : ABOUT },
      // A parameter of the name Authorization counts for nothing in OpenAPI; the key of a scheme is sent as it is.
      components: {
        securitySchemes: {
          SubjectAndApp: { type: 'apiKey', in: 'header', name: 'Authorization', description: SCHEME }
        }
      },
      security: [{ SubjectAndApp: [] }],
      tags: [{ name: 'Jobs', description: 'The jobs of a workload\'s items.' }]
    },
    transform: ({ schema, url }) => ({ schema: { ...schema, tags: ['Jobs'] }, url }),
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
    ...(fabric && { transformObject: withTenant(fabric.registration.tenantId) })
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
    theme: { title: 'The API of a workload', css: [{ filename: 'calm.css', content: CALM }] },
    uiConfig: { docExpansion: 'list', tryItOutEnabled: true, defaultModelsExpandDepth: 0, displayRequestDuration: true }
  })
  if (fabric) app.addHook('onListen', () => startSampleJob(app, fabric, api))
}, { name: 'api-page' })

const ABOUT = `
Fabric starts a job, asks once a minute how it is doing, and may cancel it. The question is answered by
\`fastify-fabric-job-state\`, from the job engine; the other two are this example's own.
`

const TO_TRY = `
To try it: **Authorize**, with the \`Authorization\` header that [the page which plays Fabric's part](/) has to copy.
The rest is filled in, and the contract's sample job is there.
`

const SCHEME = 'The whole header, as Fabric sends it: `SubjectAndAppToken1.0 subjectToken="…", appToken="…"`'

/**
 * Swagger UI without its banner, whose field for other documents is of no use here, and without its command for curl,
 * where tokens stand as a whole; with room for a uuid.
 */
const CALM = `
.swagger-ui :is(.topbar, .curl-command) { display: none }
.swagger-ui .parameters input { width: 100%; max-width: 28rem }
`

/** Fills in the tenant that the tokens are made for. */
function withTenant (tenantId: string): NonNullable<FastifyDynamicSwaggerOptions['transformObject']> {
  return (document) => {
    if (!('openapiObject' in document)) return document.swaggerObject
    for (const operations of Object.values(document.openapiObject.paths ?? {})) {
      for (const operation of [operations?.get, operations?.post]) {
        for (const parameter of operation?.parameters ?? []) {
          if ('name' in parameter && parameter.name === 'x-ms-client-tenant-id') parameter.example = tenantId
        }
      }
    }
    return document.openapiObject
  }
}

/** A job is run once, however often it is started: this one by the first start of the server. */
async function startSampleJob (app: FastifyInstance, fabric: Fabric, api: string): Promise<void> {
  const payload = { creationPayload: { seconds: 20 } }
  await app.inject({ ...await fabric.poll({ prefix: api }), method: 'POST', payload })
}
