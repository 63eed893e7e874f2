// A running server's OpenAPI document, as its reader gets it over HTTP, is held to be one by a
// validator that others wrote, and put where every test finds it.
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
if (!verdict.valid) throw new Error(`What the server emits is no OpenAPI document: ${JSON.stringify(verdict.errors)}`)

rmSync(recordFolder, { recursive: true, force: true })
mkdirSync(recordFolder, { recursive: true })
writeFileSync(documentFile, text)
