import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'

import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { type JobInstance, type JobStateContext, type JobStateResolver } from '../lib/index.js'
import { pending } from './helpers/pending.js'
import { holdToContract, type LogLine, pluginOptions, pollPath, sample, sampleState, workload } from './helpers/poll.js'

/** Starts a host on a free port. */
async function listening (app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

/** Sends a poll over a socket that the test can destroy. */
function poll (port: number) {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${pollPath()} HTTP/1.1\r\nHost: workload\r\n\r\n`)
  return socket
}

/** For each protocol: the server's options, and a function that polls it and returns one that disconnects the client. */
const protocols: Record<string, { server: object, poll: (port: number) => () => void }> = {
  'HTTP/1.1': {
    server: {},
    poll (port: number) {
      const socket = poll(port)
      return () => socket.destroy()
    }
  },
  'HTTP/2': {
    server: { http2: true },
    poll (port: number) {
      const client = connectHttp2(`http://127.0.0.1:${port}`)
      client.request({ ':path': pollPath() })
      return () => client.destroy()
    }
  }
}

t.test('The resolver gets the job and its context', async (t) => {
  t.test('The resolver gets exactly the five job properties, the UUIDs in lower case', async (t) => {
    let asked: JobInstance | undefined
    const app = workload(t, (job) => { asked = job; return sampleState })
    await app.inject(pollPath({
      workspaceId: sample.workspaceId.toUpperCase(),
      itemId: sample.itemId.toUpperCase(),
      jobInstanceId: sample.jobInstanceId.toUpperCase()
    }))
    t.strictSame(asked, sample)
  })

  t.test('The context of the resolver can be destructured', async (t) => {
    const app = workload(t, (job, { request, log, signal, caller, activityId, requestId }) => {
      t.equal(request.url, pollPath())
      t.same(request.params, job)
      t.equal(log, request.log)
      t.ok(signal instanceof AbortSignal)
      t.equal(signal.aborted, false)
      t.equal(caller, undefined)
      t.equal(activityId, 'a')
      t.equal(requestId, 'r')
      return sampleState
    })
    const answer = await app.inject({ url: pollPath(), headers: { activityid: 'a', requestid: 'r' } })
    t.same(holdToContract(t, answer), sampleState)
  })
})

t.test('The signal of the context is aborted at the deadline and when the client disconnects', async (t) => {
  t.test('The signal is created once, on first access', async (t) => {
    let made = 0
    t.intercept(globalThis, 'AbortController', {
      value: class extends AbortController {
        constructor () {
          super()
          made++
        }
      }
    })
    await workload(t).inject(pollPath())
    await workload(t, async (_, { log: _log }) => sampleState).inject(pollPath())
    await workload(t, () => { throw new Error('no') }).inject(pollPath())
    await workload(t, () => new Promise(() => {}), { resolverTimeout: 5 }).inject(pollPath())
    t.equal(made, 0)
    await workload(t, async (_, context) => {
      t.equal(context.signal, context.signal)
      return sampleState
    }).inject(pollPath())
    t.equal(made, 1)
  })

  t.test('The signal is aborted at the deadline, with the error of the response as its reason', async (t) => {
    const app = workload(t, async (_, { signal }) => {
      await once(signal, 'abort')
      t.match(signal.reason, { name: 'WorkloadError', errorCode: 'ResolverTimeout', statusCode: 504 })
      throw signal.reason
    }, { resolverTimeout: 10 })
    t.match(holdToContract(t, await app.inject(pollPath())), { errorCode: 'ResolverTimeout' })
  })

  t.test('The signal is aborted already if it is first read after the deadline', async (t) => {
    const { promise, resolve } = pending<AbortSignal>()
    const answered = pending<void>()
    const app = workload(t, async (_, context) => {
      await answered.promise
      resolve(context.signal)
      return null
    }, { resolverTimeout: 10 })
    await app.inject(pollPath())
    answered.resolve()
    t.match(await promise, { aborted: true, reason: { errorCode: 'ResolverTimeout' } })
  })

  for (const [protocol, { server, poll }] of Object.entries(protocols)) {
    /** A host whose client disconnects while the given resolver is running. */
    async function left (t: Test, resolver: (context: JobStateContext, gone: Promise<void>) => Promise<never>, logger = {}) {
      const asked = pending<void>()
      const gone = pending<void>()
      const app = Fastify({ ...server, logger })
      t.after(() => app.close())
      app.addHook('onRequest', async (_request, { raw }) => { raw.once('close', () => gone.resolve()) })
      app.register(fabricJobState, pluginOptions((_, context) => {
        asked.resolve()
        return resolver(context, gone.promise)
      }))
      const leave = poll(await listening(app))
      await asked.promise
      leave()
    }
    const reason = { message: 'The client closed the connection before the response.' }

    t.test(`The signal is aborted when the client disconnects over ${protocol}`, async (t) => {
      const aborted = pending<AbortSignal>()
      await left(t, async ({ signal }) => {
        await once(signal, 'abort')
        aborted.resolve(signal)
        throw signal.reason
      })
      t.match(await aborted.promise, { aborted: true, reason })
    })

    t.test(`The signal is aborted already if it is first read after the client disconnected over ${protocol}`, async (t) => {
      const seen = pending<AbortSignal>()
      await left(t, async (context, gone) => {
        await gone
        seen.resolve(context.signal)
        throw context.signal.reason
      })
      t.match(await seen.promise, { aborted: true, reason })
    })

    t.test(`A failure after the client disconnected over ${protocol} is logged at info`, async (t) => {
      const logged = pending<LogLine>()
      const write = (line: string) => { if (line.includes('gave up')) logged.resolve(JSON.parse(line)) }
      await left(t, async (_, gone) => {
        await gone
        throw new Error('gave up')
      }, { stream: { write } })
      t.match(await logged.promise, { level: 30, msg: 'The client closed the connection before the response' })
    })
  }

  t.test('The signal is not aborted if the client disconnects after the response', async (t) => {
    for (const isReadEarly of [true, false]) {
      let context: JobStateContext | undefined
      const closed = pending<void>()
      const port = await listening(workload(t, async (_, given) => {
        context = given
        if (isReadEarly) t.equal(given.signal.aborted, false)
        given.request.raw.socket.once('close', () => closed.resolve())
        return sampleState
      }))
      const agent = new Agent({ keepAlive: true })
      const [answer] = await once(get({ port, path: pollPath(), agent }), 'response')
      await answer.toArray()
      agent.destroy()
      await closed.promise
      t.equal(context?.signal.aborted, false)
    }
  })

  async function listenersAtSend (t: Test, resolve: JobStateResolver) {
    const app = workload(t, resolve, { resolverTimeout: 10 })
    let listeners = 0
    app.addHook('onSend', async (_request, { raw }) => {
      await new Promise(setImmediate)
      listeners = raw.listenerCount('close')
    })
    await app.inject(pollPath())
    return listeners
  }

  t.test('The signal removes its listeners when the resolver settles', async (t) => {
    // Fastify itself adds listeners to some responses, so each poll is compared with one that reads no signal.
    const same = async (withSignal: JobStateResolver, without: JobStateResolver) =>
      t.equal(await listenersAtSend(t, withSignal), await listenersAtSend(t, without))

    const read = ({ signal }: JobStateContext) => { t.notOk(signal.aborted) }
    await same((_, context) => { read(context); return sampleState }, () => sampleState)
    await same(async (_, context) => { read(context); return sampleState }, async () => sampleState)
    await same(async (_, context) => { read(context); throw new Error('no') }, async () => { throw new Error('no') })
    await same((_, context) => new Promise(() => read(context)), () => new Promise(() => {}))
    await same((_, context) => { setImmediate(read, context); return sampleState }, () => sampleState)
  })

  t.test('The server responds to other polls after a client disconnected', async (t) => {
    const asked = pending<void>()
    const gone = pending<void>()
    let polls = 0
    const app = workload(t, async (_, { request }) => {
      if (polls++ > 0) return sampleState
      request.raw.socket.once('close', () => gone.resolve())
      asked.resolve()
      await gone.promise
      return sampleState
    })
    const port = await listening(app)
    const socket = poll(port)
    await asked.promise
    socket.destroy()
    await gone.promise
    const [answer] = await once(get({ port, path: pollPath() }), 'response')
    t.same(JSON.parse(Buffer.concat(await answer.toArray()).toString()), sampleState)
  })
})
