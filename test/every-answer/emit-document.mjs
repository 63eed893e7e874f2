// Requests the OpenAPI document of a running server over HTTP, checks it with an independent validator,
// and writes it to a file for the tests.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'

import swagger from '@fastify/swagger'
import { validate } from '@readme/openapi-parser'
import Fastify from 'fastify'

import { fabricJobs } from 'fastify-fabric-job-state'
import { documentFile, recordFolder } from './files.mjs'

const app = Fastify({ routerOptions: { maxParamLength: 256 } })
await app.register(swagger, {
  openapi: { openapi: '3.1.0', info: { title: 'A workload', version: '1' } }
})
app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
app.register(fabricJobs, {
  resolveJobState: () => undefined,
  createJobInstance: () => {},
  cancelJobInstance: () => undefined,
  authentication: false,
  api: 'both'
})

const answer = await fetch(new URL('/openapi.json', await app.listen({ port: 0 })))
const text = await answer.text()
await app.close()

const verdict = await validate(JSON.parse(text))
if (!verdict.valid) throw new Error(`The server's document is not valid OpenAPI: ${JSON.stringify(verdict.errors)}`)

rmSync(recordFolder, { recursive: true, force: true })
mkdirSync(recordFolder, { recursive: true })
writeFileSync(documentFile, text)
