// Loaded first into every process of the tests (`--import`). It compares each response of the plugin's routes, by inject or
// over a socket, with the document that emit-document.mjs took from a running server, and not with the types or schemas of
// this package. A response that does not conform to the document fails the process.
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync, writeFileSync } from 'node:fs'

import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

import { documentFile, recordFolder } from './files.mjs'

const held = { answers: 0, rewritten: 0, off: [] }
let contract

/** Validators of the document's operations, by method and route, then by status; read at the first response. */
function readContract () {
  const { paths } = JSON.parse(readFileSync(documentFile, 'utf8'))
  const ajv = new Ajv2020({ strict: false, allErrors: true, ownProperties: true })
  addFormats.default(ajv)
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { responses }]) => [
    `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    Object.fromEntries(Object.entries(responses).map(([status, { content }]) =>
      [status, content === undefined ? undefined : ajv.compile(content['application/json'].schema)]))
  ]))
  return new Map(operations)
}

function problemsOf (validators, status, contentType, body, isHead) {
  const validate = String(status) in validators ? validators[status] : validators.default
  if (validate === undefined) return body === '' && contentType === undefined ? [] : ['a body or a content-type']
  if (!/^application\/json(?:;|$)/.test(contentType)) return [`content-type: ${contentType}`]
  if (isHead) return body === '' ? [] : ['a response to HEAD with a body']
  try {
    return validate(JSON.parse(body)) ? [] : validate.errors.map(({ instancePath, message }) => `${instancePath} ${message}`)
  } catch {
    return ['not JSON']
  }
}

function hold (request, reply, body) {
  const { method, url, server } = request
  // Set by the host of the test whose onSend hook rewrites responses.
  if (server.hasDecorator('rewritesAnswers')) {
    held.rewritten++
    return
  }
  held.answers++
  const { statusCode } = reply.raw
  const problems = problemsOf(operationOf(request), statusCode, reply.getHeader('content-type'), body, method === 'HEAD')
  if (problems.length > 0) held.off.push({ method, url, statusCode, body, problems })
}

/** Calls back with the complete body of a response. */
function onceWritten (raw, callback) {
  const chunks = []
  for (const name of ['write', 'end']) {
    const original = raw[name]
    raw[name] = (...args) => {
      if (typeof args[0] === 'string' || args[0] instanceof Uint8Array) chunks.push(Buffer.from(args[0]))
      if (name === 'end') callback(Buffer.concat(chunks).toString())
      return Reflect.apply(original, raw, args)
    }
  }
}

/** The operation of a request, under any prefix. */
function operationOf ({ method, routeOptions: { url = '' } }) {
  // While the document is created, there is no document yet and no such request.
  if (!url.includes('/workspaces/:workspaceId/items/')) return undefined
  contract ??= readContract()
  const route = `${method === 'HEAD' ? 'GET' : method} ${url.slice(url.indexOf('/workspaces/'))}`
  return contract.get(route)
}

subscribe('fastify.initialization', ({ fastify }) => {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (operationOf(request) !== undefined) onceWritten(reply.raw, (body) => hold(request, reply, body))
    done()
  })
})

process.once('exit', () => {
  if (held.answers + held.rewritten === 0) return
  writeFileSync(`${recordFolder}${process.pid}.json`, JSON.stringify({ program: process.argv[1], ...held }))
  if (held.off.length === 0) return
  process.exitCode = 1
  console.error('Responses that do not conform to the OpenAPI document of a running server:', held.off)
})
