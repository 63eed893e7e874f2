import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Fabric } from 'fastify-fabric-job-state/testing'
import type { FastifyInstance, FastifyRequest } from 'fastify'

export interface FabricPageOptions {
  /** What signs the tokens; none where Entra ID does. */
  fabric: Fabric | undefined
  /** Where the workload's API begins. */
  api: string
  /** Where the server listens. */
  host: string
}

/**
 * A page at `/` that plays Fabric's part: it starts jobs, polls them and cancels them by the workload's own routes,
 * with tokens that it gets from `/fabric/headers`.
 *
 * Whoever gets these tokens is Fabric, for this server. So the page is there only where a Fabric of one's own signs
 * them and the server listens on loopback alone; and then only for who comes from this machine, by its name.
 */
export async function fabricPage (app: FastifyInstance, { fabric, api, host }: FabricPageOptions): Promise<void> {
  if (fabric === undefined) return
  if (!isLoopback(host)) {
    app.log.warn(`No page plays Fabric's part at /: it hands out tokens, and not only this machine reaches ${host}`)
    return
  }

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    if (!comesFromThisMachine(request)) return reply.code(403).send('This page is for the machine that it runs on.')
  })
  for (const { url, file, type } of FILES) {
    app.get(url, { schema: { hide: true } }, async (request, reply) => reply.type(type).send(await readFile(file)))
  }
  await app.register(fabricRoutes, { fabric, api })
}

/** What the page asks for: where the contract's sample job is, and the headers of a call, good and bad ones. */
async function fabricRoutes (app: FastifyInstance, { fabric, api }: { fabric: Fabric, api: string }): Promise<void> {
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

const SECURITY_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    // What is written into the page is text, never a piece of it.
    "require-trusted-types-for 'script'", "trusted-types 'none'"
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  // Who changes a file of the page reloads it, and sees.
  'Cache-Control': 'no-store'
}

/** Where the page's files are: in the sources, also when this runs from `dist/`. */
const FOLDER = join(packageFolder(import.meta.dirname), 'examples/workload/page')

const FILES = [
  { url: '/', file: join(FOLDER, 'index.html'), type: 'text/html; charset=utf-8' },
  { url: '/page/page.css', file: join(FOLDER, 'page.css'), type: 'text/css; charset=utf-8' },
  { url: '/page/page.js', file: join(FOLDER, 'page.js'), type: 'text/javascript; charset=utf-8' },
  { url: '/page/icon.svg', file: join(FOLDER, 'icon.svg'), type: 'image/svg+xml' }
]

function packageFolder (folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageFolder(dirname(folder))
}

function isLoopback (host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
}

/**
 * A page of another site that has its name resolve to this machine comes under that name; who comes through a tunnel or
 * a proxy comes from elsewhere.
 */
function comesFromThisMachine ({ hostname, headers }: FastifyRequest): boolean {
  const isForwarded = Object.keys(headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-'))
  return isLoopback(hostname) && !isForwarded
}
