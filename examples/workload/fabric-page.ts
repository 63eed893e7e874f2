import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { PassThrough } from 'node:stream'

import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Fabric } from 'fastify-fabric-job-state/testing'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

import { recordJobs, type JobRecorder } from './job-recorder.js'

export interface FabricPageOptions {
  /** The simulated Fabric that signs the tokens; undefined if Entra ID issues them. */
  fabric: Fabric | undefined
  /** The prefix of the workload's API. */
  api: string
  /** The address that the server listens on. */
  host: string
}

interface SimulatorOptions {
  fabric: Fabric
  api: string
  recorder: JobRecorder
}

/**
 * A page at `/` that simulates Fabric: it starts jobs, polls them and cancels them over the workload's own routes, with
 * tokens from `/fabric/headers`, and lists all jobs. Register it before the routes that it records.
 *
 * Anyone who gets these tokens can call this server as Fabric. So the page exists only if a simulated Fabric signs them
 * and the server listens on loopback only, and it is served only to requests from this machine, under a loopback name.
 */
export const fabricPage = fastifyPlugin<FabricPageOptions>(async (app, { fabric, api, host }) => {
  if (fabric === undefined) return
  if (!isLoopback(host)) {
    app.log.warn(`There is no page at /: it hands out tokens, and ${host} can be reached from other machines`)
    return
  }
  await app.register(simulator, { fabric, api, recorder: recordJobs(app, api) })
}, { name: 'fabric-page' })

/** The page's files and endpoints, in a scope with a hook that refuses other machines. */
async function simulator (app: FastifyInstance, options: SimulatorOptions): Promise<void> {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    if (!comesFromThisMachine(request)) return reply.code(403).send('This page is only served to the machine it runs on.')
  })
  for (const { url, file, type } of FILES) {
    app.get(url, { schema: { hide: true } }, async (request, reply) => reply.type(type).send(await readFile(file)))
  }
  await app.register(fabricRoutes, options)
  await app.register(recordRoutes, options)
}

/** Endpoints for the path of the contract's sample job, and for valid and invalid headers. */
async function fabricRoutes (app: FastifyInstance, { fabric, api }: SimulatorOptions): Promise<void> {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()

  routes.get('/fabric', { schema: { hide: true } }, async () => {
    const { url: sampleJob } = await fabric.poll({ prefix: api })
    return { sampleJob, badHeaders: (await fabric.badHeaders()).map(({ name }) => name) }
  })

  const querystring = Type.Object({ bad: Type.Optional(Type.String()) })
  routes.get('/fabric/headers', { schema: { hide: true, querystring } }, async ({ query: { bad } }, reply) => {
    if (bad === undefined) return await fabric.headers()
    const found = (await fabric.badHeaders()).find(({ name }) => name === bad)
    return found?.headers ?? reply.callNotFound()
  })
}

/** Endpoints for the recorded jobs, as server-sent events, and for single calls. */
async function recordRoutes (app: FastifyInstance, { recorder }: SimulatorOptions): Promise<void> {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  const streams = new Set<PassThrough>()
  recorder.on('recorded', (recorded) => {
    for (const stream of streams) stream.write(serverSentEvent('call', recorded))
  })

  routes.get('/fabric/jobs', { schema: { hide: true } }, (request, reply) => {
    const stream = new PassThrough()
    streams.add(stream.once('close', () => streams.delete(stream)))
    stream.write(`retry: 500\n${serverSentEvent('jobs', recorder.jobs)}`)
    // The connection closes with the stream, so that a closing server does not wait for it.
    return reply.type('text/event-stream').header('connection', 'close').send(stream)
  })
  app.addHook('preClose', async () => { for (const stream of streams) stream.end() })

  const params = Type.Object({ requestId: Type.String() })
  routes.get('/fabric/calls/:requestId', { schema: { hide: true, params } }, async ({ params: { requestId } }, reply) =>
    recorder.call(requestId) ?? reply.callNotFound())
}

function serverSentEvent (name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

const SECURITY_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    // The page inserts text only, never markup.
    "require-trusted-types-for 'script'", "trusted-types 'none'"
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  // A changed file is served at the next reload.
  'Cache-Control': 'no-store'
}

/** The folder of the page's files in the sources, also if this runs from `dist/`. */
const FOLDER = join(packageFolder(import.meta.dirname), 'examples/workload/page')

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml'
}

const FILES = readdirSync(FOLDER).flatMap((name) => {
  const type = TYPES[extname(name)]
  return type === undefined ? [] : [{ url: name === 'index.html' ? '/' : `/page/${name}`, file: join(FOLDER, name), type }]
})

function packageFolder (folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageFolder(dirname(folder))
}

function isLoopback (host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
}

/**
 * False for another site's name that resolves to this machine (DNS rebinding), and for what a tunnel or proxy forwards.
 */
function comesFromThisMachine ({ hostname, headers }: FastifyRequest): boolean {
  const isForwarded = Object.keys(headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-'))
  return isLoopback(hostname) && !isForwarded
}
