// Loaded into every process of the tests before anything else (`--import`). Whatever a server in it answers on the
// plugin's route, by inject or over a socket, is held against the document that emit-document.mjs took from a running
// server: not against the types or schemas of this package. An answer off the document fails the process.
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync, writeFileSync } from 'node:fs'

import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

import { documentFile, recordFolder } from './files.mjs'

const held = { answers: 0, rewritten: 0, off: [] }
let contract

/** The document's one operation, and how its bodies are held to its schemas; read when the first answer comes. */
function readContract () {
  const document = JSON.parse(readFileSync(documentFile, 'utf8'))
  const [[path, { get: { responses } }]] = Object.entries(document.paths)
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'document', ...document })
  const validators = Object.fromEntries(Object.entries(responses).map(([status, { content }]) => {
    const { $ref } = content['application/json'].schema
    return [status, ajv.getSchema(`document${$ref}`)]
  }))
  return { url: path.replaceAll(/\{(\w+)\}/g, ':$1'), validators }
}

function problemsOf (status, contentType, body, isHead) {
  if (!/^application\/json(?:;|$)/.test(contentType)) return [`content-type: ${contentType}`]
  if (isHead) return body === '' ? [] : ['an answer to HEAD that has a body']
  const validate = contract.validators[status] ?? contract.validators.default
  try {
    return validate(JSON.parse(body)) ? [] : validate.errors.map(({ instancePath, message }) => `${instancePath} ${message}`)
  } catch {
    return ['no JSON']
  }
}

function hold ({ method, url, server }, reply, body) {
  // The test that shows what a host's own onSend hook may do says so of its host.
  if (server.hasDecorator('rewritesAnswers')) {
    held.rewritten++
    return
  }
  held.answers++
  const { statusCode } = reply.raw
  const problems = problemsOf(statusCode, reply.getHeader('content-type'), body, method === 'HEAD')
  if (problems.length > 0) held.off.push({ method, url, statusCode, body, problems })
}

/** Calls back with all that is written as a response's body. */
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

function isThePlugins ({ method, routeOptions: { url = '' } }) {
  // The server that the document comes from has none yet, and no such request either.
  if (!url.includes(':jobInstanceId') || (method !== 'GET' && method !== 'HEAD')) return false
  contract ??= readContract()
  return url.endsWith(contract.url)
}

subscribe('fastify.initialization', ({ fastify }) => {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (isThePlugins(request)) onceWritten(reply.raw, (body) => hold(request, reply, body))
    done()
  })
})

process.once('exit', () => {
  if (held.answers + held.rewritten === 0) return
  writeFileSync(`${recordFolder}${process.pid}.json`, JSON.stringify({ program: process.argv[1], ...held }))
  if (held.off.length === 0) return
  process.exitCode = 1
  console.error('Answers off the OpenAPI document that a running server emits:', held.off)
})
