import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'

import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { type JobStateResolver } from '../../lib/index.js'
import { createFabric } from '../../lib/testing/index.js'
import { HELD } from '../helpers/held-process.js'
import { pending } from '../helpers/pending.js'
import { contractProblems, host, pluginOptions, pollPath, sampleState } from '../helpers/poll.js'

/** A server that listens, and clients who keep their connections. */
async function listening (t: Test, app: FastifyInstance) {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  return { port, ask: (path: string) => answerOf(get({ port, path, agent })) }
}

/** A preClose hook that calls back when the server accepts no more connections. */
const onceShut = (call: () => void) => (done: () => void) => {
  setImmediate(call)
  done()
}

async function answerOf (request: ReturnType<typeof get>) {
  const [response]: IncomingMessage[] = await once(request, 'response')
  if (response === undefined) throw new Error('no response')
  return { status: response.statusCode, connection: response.headers.connection, body: await text(response) }
}

t.test('A poll that is in flight when the server closes is answered and ends its connection, or the server would wait for the next one',
  async (t) => {
    const resolvers: Array<[status: number, resolve: JobStateResolver]> = [
      [200, () => sampleState], [404, () => null], [500, () => { throw new Error('x') }], [504, () => new Promise(() => {})]
    ]
    for (const [status, resolve] of resolvers) {
      t.test(String(status), async (t) => {
        const [asked, closing] = [pending<void>(), pending<void>()]
        const app = host(t)
        app.register(fabricJobState, pluginOptions(async (job, context) => {
          asked.resolve()
          await closing.promise
          return resolve(job, context)
        }, { resolverTimeout: 500 }))
        app.addHook('preClose', onceShut(closing.resolve))
        const { ask } = await listening(t, app)
        const answer = ask(pollPath())
        await asked.promise
        const closed = app.close()
        t.match(await answer, { status, connection: 'close' })
        await closed
      })
    }
  })

t.test('As long as the server does not close, a poll keeps its connection', async (t) => {
  const app = host(t)
  app.register(fabricJobState, pluginOptions())
  const { ask } = await listening(t, app)
  t.match(await ask(pollPath()), { status: 200, connection: 'keep-alive' })
})

t.test('Over HTTP/2, with forceCloseConnections: true, a poll in flight is answered and its session ended', async (t) => {
  const [asked, closing] = [pending<void>(), pending<void>()]
  // Without it Fastify leaves the sessions to Node, which before its version 24 waits for their timeout.
  const app = Fastify({ http2: true, forceCloseConnections: true })
  t.after(() => app.close())
  app.register(fabricJobState, pluginOptions(async () => {
    asked.resolve()
    await closing.promise
    return sampleState
  }))
  app.addHook('preClose', onceShut(closing.resolve))
  const session = connectHttp2(await app.listen({ host: '127.0.0.1', port: 0 }))
  const stream = session.request({ ':path': pollPath() })
  await asked.promise
  const closed = app.close()
  const [headers] = await once(stream, 'response')
  t.match(headers, { ':status': 200, connection: undefined }, 'HTTP/2 has no such header')
  t.same(JSON.parse(await text(stream)), sampleState)
  await closed
})

t.test('A poll on a connection that is still open while the server closes', async (t) => {
  /** A server that closes, and a client whose connection the server waits for: it was busy with something else. */
  async function closingServer (t: Test, options: FastifyServerOptions) {
    const [asked, closing] = [pending<void>(), pending<void>()]
    const app = host(t, options)
    app.get('/host/slow', async () => {
      asked.resolve()
      await closing.promise
      return {}
    })
    app.register(fabricJobState, pluginOptions())
    app.addHook('preClose', onceShut(closing.resolve))
    const { ask } = await listening(t, app)
    const slow = ask('/host/slow')
    await asked.promise
    const closed = app.close()
    t.match(await slow, { status: 200 })
    return { ask, closed }
  }

  t.test('is answered as ever where the host says return503OnClosing: false', async (t) => {
    const { ask, closed } = await closingServer(t, { return503OnClosing: false })
    const answer = await ask(pollPath())
    t.match(answer, { status: 200, connection: 'close' })
    t.same(JSON.parse(answer.body), sampleState)
    await closed
  })

  t.test('is answered 503 by Fastify itself, in its own form, where the host does not say so', async (t) => {
    const { ask, closed } = await closingServer(t, {})
    const answer = await ask(pollPath())
    t.match(answer, { status: 503, connection: 'close' })
    t.not(contractProblems('ErrorResponse', JSON.parse(answer.body)).length, 0)
    await closed
  })
})

/** A workload's server, as a person writes it, that stops at SIGTERM. */
const SERVER = `
  import Fastify from 'fastify'
  import fabricJobState from 'fastify-fabric-job-state'
  const authentication = JSON.parse(process.argv[1])
  const app = Fastify({ return503OnClosing: false })
  const goOn = new Promise((resolve) => process.once('message', resolve))
  await app.register(fabricJobState, {
    authentication,
    async resolveJobState () {
      process.send('asked')
      await goOn
      return { status: 'Completed' }
    }
  })
  app.addHook('preClose', (done) => {
    setImmediate(() => process.send('closing'))
    done()
  })
  process.once('SIGTERM', async () => {
    await app.close()
    process.disconnect()
  })
  process.send(await app.listen({ port: 0, host: '127.0.0.1' }))`

t.test('At SIGTERM every accepted poll is answered, no new connection is accepted, and the process ends by itself', async (t) => {
  const POLLS = 20
  const fabric = createFabric()
  const { authentication, close } = await fabric.listen()
  t.teardown(close)
  const server = spawn(process.execPath, ['--input-type=module', '-e', SERVER, JSON.stringify(authentication)], {
    env: { ...process.env, ...HELD }, stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  t.teardown(() => server.kill('SIGKILL'))
  const exit = once(server, 'exit')
  const [origin] = await once(server, 'message')
  const { url, headers } = await fabric.poll()

  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const asked = pending<void>()
  const closing = pending<void>()
  let count = 0
  server.on('message', (message) => {
    if (message === 'asked' && ++count === POLLS) asked.resolve()
    if (message === 'closing') closing.resolve()
  })
  const answers = Array.from({ length: POLLS }, () => answerOf(get(origin + url, { agent, headers })))
  await asked.promise
  server.kill('SIGTERM')
  await closing.promise

  const unauthenticated = connect(Number(new URL(origin).port), '127.0.0.1')
  const [error] = await once(unauthenticated, 'error')
  t.equal(error.code, 'ECONNREFUSED')

  server.send('go on')
  for (const answer of answers) t.same(await answer, { status: 200, connection: 'close', body: '{"status":"Completed"}' })
  t.same(await exit, [0, null])
})
