import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState from '../../lib/index.js'
import { createFabric } from '../../lib/testing/index.js'
import { selfSigned } from '../helpers/certificate.js'
import { contractProblems, holdToContract, recordedLog, sampleState } from '../helpers/poll.js'
import { compareOwnRoutes, hostTwice, ownRoutes } from './host.js'

/** Compares a poll of Fabric and an unauthenticated one with the contract; then the host's own routes. */
async function holdToAll (t: Test, server: FastifyServerOptions, change = (path: string) => path): Promise<void> {
  const host = await hostTwice(t, { server })
  const { url, ...poll } = await host.poll()
  t.same(holdToContract(t, await host.app.inject({ ...poll, url: change(url) })), sampleState)
  const unauthenticated = await host.app.inject({ url: change(url) })
  t.equal(unauthenticated.statusCode, 401)
  t.match(holdToContract(t, unauthenticated), { errorCode: 'AuthenticationFailed' })
  await compareOwnRoutes(t, host)
}

t.test('A server\'s options:', async (t) => {
  t.test('with caseSensitive: false a path with "itemS" is a poll, and its parameters keep their case', async (t) => {
    await holdToAll(t, { routerOptions: { caseSensitive: false } }, (path) => path.replace('/items/', '/itemS/'))
    let jobType: string | undefined
    const { app, poll } = await hostTwice(t, {
      server: { routerOptions: { caseSensitive: false } },
      options: { resolveJobState: (job) => { jobType = job.jobType; return null } }
    })
    t.equal((await app.inject(await poll())).statusCode, 404)
    t.equal(jobType, 'calculateForecast')
  })

  t.test('without it "itemS" is no path of the plugin\'s', async (t) => {
    const { app, poll } = await hostTwice(t)
    const { url, ...headers } = await poll()
    t.equal((await app.inject({ ...headers, url: url.replace('/items/', '/itemS/') })).json().message,
      `Route GET:${url.replace('/items/', '/itemS/')} not found`)
  })

  t.test('with ignoreTrailingSlash and ignoreDuplicateSlashes so many slashes are a poll all the same', async (t) => {
    await holdToAll(t, { routerOptions: { ignoreTrailingSlash: true } }, (path) => `${path}/`)
    await holdToAll(t, { routerOptions: { ignoreDuplicateSlashes: true } }, (path) => path.replaceAll('/', '//'))
  })

  t.test('with logger: false the log of the resolver writes nothing', async (t) => {
    const host = await hostTwice(t, {
      server: { logger: false },
      options: { resolveJobState: (_, { log }) => { log.error('unheard'); return sampleState } }
    })
    t.same(holdToContract(t, await host.app.inject(await host.poll())), sampleState)
    await compareOwnRoutes(t, host)
  })

  t.test('with disableRequestLogging a refusal is logged all the same, with Fabric\'s ids', async (t) => {
    const { lines, logger } = recordedLog()
    const host = await hostTwice(t, { server: { logger, disableRequestLogging: true } })
    const { url, headers } = await host.poll()
    lines.length = 0
    const unauthenticated = await host.app.inject({ url, headers: { ...headers, authorization: 'Bearer x' } })
    t.match(holdToContract(t, unauthenticated), { errorCode: 'AuthenticationFailed' })
    t.match(lines, [
      { msg: 'SubjectAndApp authentication refused', activityId: headers.activityid, fabricRequestId: headers.requestid }
    ])
    t.same(holdToContract(t, await host.app.inject({ url, headers })), sampleState)
    t.equal(lines.length, 1)
    await compareOwnRoutes(t, host)
  })

  t.test('with exposeHeadRoutes: false HEAD is the host\'s not-found', async (t) => {
    await holdToAll(t, { exposeHeadRoutes: false })
    const { app, poll } = await hostTwice(t, { server: { exposeHeadRoutes: false } })
    t.equal((await app.inject({ ...await poll(), method: 'HEAD' })).statusCode, 404)
  })
})

/** A logger that is not pino: it writes down each line with the bindings of those that it is a child of. */
class Notebook implements FastifyBaseLogger {
  level = 'info'
  readonly lines: object[]
  readonly #bindings: object
  readonly #write = (level: string) => (...[first, second]: unknown[]): void => {
    const line = typeof first === 'object' ? { ...first, msg: second } : { msg: first }
    this.lines.push({ level, ...this.#bindings, ...line })
  }

  constructor (lines: object[] = [], bindings: object = {}) {
    this.lines = lines
    this.#bindings = bindings
  }

  fatal = this.#write('fatal')
  error = this.#write('error')
  warn = this.#write('warn')
  info = this.#write('info')
  debug = this.#write('debug')
  trace = this.#write('trace')
  silent = () => {}
  child = (bindings: object) => new Notebook(this.lines, { ...this.#bindings, ...bindings })
}

t.test('A loggerInstance that is not pino has Fabric\'s ids in each line of a poll', async (t) => {
  const log = new Notebook()
  const host = await hostTwice(t, {
    server: { loggerInstance: log },
    options: { resolveJobState: (_, { log }) => { log.info({ rows: 1 }, 'looked up'); return sampleState } }
  })
  const poll = await host.poll()
  log.lines.length = 0
  t.same(holdToContract(t, await host.app.inject(poll)), sampleState)
  const ids = { activityId: poll.headers.activityid, fabricRequestId: poll.headers.requestid }
  t.match(log.lines, [
    { msg: 'incoming request', ...ids }, { msg: 'looked up', rows: 1, ...ids }, { msg: 'request completed', ...ids }
  ])
  await compareOwnRoutes(t, host)
})

t.test('An onSend hook of the host that rewrites', async (t) => {
  const addEnvelope = (app: FastifyInstance) => app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-envelope', 'yes')
    return JSON.stringify({ data: JSON.parse(String(payload)) })
  })

  t.test('the responses of another scope does not change polls', async (t) => {
    const host = await hostTwice(t, {
      prepare: (app) => app.register(async (scope) => {
        addEnvelope(scope)
        scope.get('/enveloped', async () => ({ own: true }))
      })
    })
    t.same(holdToContract(t, await host.app.inject(await host.poll())), sampleState)
    t.equal((await host.app.inject('/enveloped')).body, '{"data":{"own":true}}')
    await compareOwnRoutes(t, host, [{ url: '/enveloped' }, { url: '/host/1' }, { url: '/host/fails' }])
  })

  t.test('every response of the server changes polls too: register it in a scope', async (t) => {
    const host = await hostTwice(t, {
      prepare: (app) => {
        addEnvelope(app)
        app.decorate('rewritesAnswers', true) // see test/every-answer/
      }
    })
    const answer = await host.app.inject(await host.poll())
    t.match(answer, { statusCode: 200, headers: { 'x-envelope': 'yes', 'content-length': String(answer.body.length) } })
    t.same(answer.json(), { data: sampleState })
    await compareOwnRoutes(t, host)
  })
})

const options = { resolveJobState: () => sampleState, prefix: '/workload-api' }

/** Sends requests in any version of HTTP. */
type Ask = (path: string, headers: IncomingHttpHeaders) => Promise<{ statusCode: number, body: string }>

/** Checks a poll, an unauthenticated one, and the host's own route over the wire. */
async function holdOverWire (t: Test, ask: Ask, { url, headers }: { url: string, headers: IncomingHttpHeaders }) {
  const answer = await ask(url, headers)
  t.equal(answer.statusCode, 200)
  t.same(JSON.parse(answer.body), sampleState)
  const unauthenticated = await ask(url, {})
  t.equal(unauthenticated.statusCode, 401)
  t.same(contractProblems('ErrorResponse', JSON.parse(unauthenticated.body)), [])
  t.same(await ask('/host/1', {}), { statusCode: 200, body: '{"params":{"id":"1"}}' })
  t.match(await ask('/host/fails', {}), { statusCode: 500, body: /"message":"the host's own"/ })
}

t.test('HTTP/2 without TLS (h2c)', async (t) => {
  const fabric = createFabric()
  const app = Fastify({ http2: true })
  t.after(() => app.close())
  app.register(ownRoutes)
  await app.register(fabricJobState, { ...options, authentication: fabric.authentication })
  const session = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.after(() => session.close())

  await holdOverWire(t, async (path, headers) => {
    const stream = session.request({ ...headers, ':path': path })
    const [answered] = await once(stream, 'response')
    return { statusCode: answered[':status'], body: await text(stream) }
  }, await fabric.poll(options))
})

t.test('HTTPS', async (t) => {
  const fabric = createFabric()
  const { key, cert } = selfSigned()
  const app = Fastify({ https: { key, cert } })
  t.after(() => app.close())
  app.register(ownRoutes)
  await app.register(fabricJobState, { ...options, authentication: fabric.authentication })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  await holdOverWire(t, async (path, headers) => {
    const request = httpsRequest({ host: '127.0.0.1', port, servername: 'localhost', ca: cert, path, headers, agent: false }).end()
    const [response] = await once(request, 'response')
    return { statusCode: response.statusCode, body: await text(response) }
  }, await fabric.poll(options))
})

t.test('A proxy in front: with trustProxy the resolver gets the address of the caller, and the tokens are accepted', async (t) => {
  let seen: object | undefined
  const { app, fabric } = await hostTwice(t, {
    server: { trustProxy: '127.0.0.1' },
    options: {
      resolveJobState: (_, { caller, request: { ip, protocol, host } }) => {
        seen = { tenantId: caller?.tenantId, ip, protocol, host }
        return sampleState
      }
    }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  const proxy = createServer((incoming, outgoing) => {
    const headers = {
      ...incoming.headers, 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'workload.contoso.example'
    }
    httpRequest({ host: '127.0.0.1', port, path: incoming.url, method: incoming.method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(outgoing)
    }).end()
  }).listen(0, '127.0.0.1')
  t.after(() => proxy.close())
  await once(proxy, 'listening')
  const origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`

  await holdOverWire(t, async (path, headers) => {
    const request = httpRequest(origin + path, { headers, agent: false }).end()
    const [response] = await once(request, 'response')
    return { statusCode: response.statusCode, body: await text(response) }
  }, await fabric.poll(options))
  t.same(seen, {
    tenantId: fabric.registration.tenantId, ip: '203.0.113.7', protocol: 'https', host: 'workload.contoso.example'
  })
})
