import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'

import t, { type Test } from 'tap'

import { Deadline } from '../lib/deadline.js'
import type { JobState, JobStateContext, JobStateResolver } from '../lib/index.js'
import { pending } from './helpers/pending.js'
import { holdToContract, pollPath, recordedLog, sampleState, workload } from './helpers/poll.js'

const settled = () => new Promise(setImmediate)

/** The timers that keep the process alive. */
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

/** The unhandled rejections of the process. */
function unhandledRejections (t: Test): unknown[] {
  const heard: unknown[] = []
  const listener = (error: unknown) => { heard.push(error) }
  process.on('unhandledRejection', listener)
  t.after(() => process.off('unhandledRejection', listener))
  return heard
}

t.test('Deadline limits the time of work', async (t) => {
  const late = (name: string, events: string[]) => ({
    abort: () => { events.push(`${name} is late`) },
    finish: () => {},
    failLate: (reason: unknown) => { events.push(`${name}: ${reason}`) }
  })
  const never = () => new Promise<never>(() => {})

  t.test('Deadline.run settles with the result or the error of the work', async (t) => {
    for (const timeout of [0, 60_000]) {
      const deadline = new Deadline(timeout)
      const events: string[] = []
      t.equal(await deadline.run(() => 7, late('a', events)), 7)
      t.equal(await deadline.run(async () => 7, late('a', events)), 7)
      await t.rejects(deadline.run(() => { throw new Error('no') }, late('a', events)), { message: 'no' })
      await t.rejects(deadline.run(async () => { throw new Error('no') }, late('a', events)), { message: 'no' })
      const work = pending<never>()
      const running = deadline.run(() => work.promise, late('a', events)).then(() => 'resolved', (reason) => [reason])
      work.reject(undefined)
      t.same(await running, [undefined])
      t.same(events, [])
    }
  })

  t.test('Deadline.run starts the work synchronously', async (t) => {
    let started = false
    const running = new Deadline(60_000).run(() => { started = true }, late('a', []))
    t.equal(started, true)
    await running
  })

  t.test('Deadlines pass in the order in which the work was started, and only for work that is not settled', async (t) => {
    const deadline = new Deadline(20)
    const events: string[] = []
    const first = deadline.run(never, late('first', events))
    const done = deadline.run(settled, late('done', events))
    const second = deadline.run(never, late('second', events))
    await done
    const third = first.catch(() => deadline.run(never, late('third', events)))
    await t.rejects(first, { message: /^The workload did not respond/ })
    await t.rejects(second, { message: /^The workload did not respond/ })
    await t.rejects(third, { message: /^The workload did not respond/ })
    t.same(events, ['first is late', 'second is late', 'third is late'])
  })

  t.test('A deadline never passes early, also for work that was started after other work', async (t) => {
    const deadline = new Deadline(30)
    const first = deadline.run(never, late('first', []))
    // The second work starts later, so its deadline is later.
    await new Promise((resolve) => setTimeout(resolve, 15))
    const started = performance.now()
    const second = deadline.run(never, late('second', []))
    await t.rejects(first, { message: /^The workload did not respond/ })
    await t.rejects(second, { message: /^The workload did not respond/ })
    t.ok(performance.now() - started >= 30)
  })

  t.test('After its deadline, a rejection of the work is reported and its result is ignored', async (t) => {
    const unhandled = unhandledRejections(t)
    const events: string[] = []
    const deadline = new Deadline(5)
    const [rejects, resolves] = [pending<void>(), pending<void>()]
    const running = [deadline.run(() => rejects.promise, late('a', events)), deadline.run(() => resolves.promise, late('b', events))]
    t.same((await Promise.allSettled(running)).map(({ status }) => status), ['rejected', 'rejected'])
    rejects.reject('gave up')
    resolves.resolve()
    await settled()
    t.same(events, ['a is late', 'b is late', 'a: gave up'])
    t.same(unhandled, [])
  })

  t.test('Deadline keeps the process alive only while work is pending', async (t) => {
    const deadline = new Deadline(60_000)
    const before = timers()
    for (const end of ['resolve', 'reject'] as const) {
      const work = pending<unknown>()
      const other = pending<void>()
      const running = deadline.run(() => work.promise, late('a', []))
      const alsoRunning = deadline.run(() => other.promise, late('b', []))
      t.equal(timers(), before + 1, 'one timer for both')
      other.resolve()
      await alsoRunning
      t.equal(timers(), before + 1)
      work[end](new Error('no'))
      await running.catch(() => {})
      t.equal(timers(), before)
    }
    await deadline.run(() => 7, late('a', []))
    t.equal(timers(), before)
  })

  t.test('Deadline with a timeout of 0 starts no timer', async (t) => {
    const before = timers()
    const work = pending<number>()
    const running = new Deadline(0).run(() => work.promise, late('a', []))
    t.equal(timers(), before)
    work.resolve(7)
    t.equal(await running, 7)
  })
})

t.test('At the deadline the caller gets 504', async (t) => {
  const body = {
    errorCode: 'ResolverTimeout', message: 'The workload did not respond within 0.01 seconds.', source: 'System', isPermanent: false
  }
  // The types do not allow a thenable, but JavaScript awaits it.
  const thenable = (() => ({ then () {} })) as unknown as JobStateResolver
  const resolvers: Array<[what: string, resolve: JobStateResolver]> = [
    ['the resolver never settles', () => new Promise(() => {})],
    ['the resolver ignores the signal', (_, { signal }) => new Promise(() => { t.notOk(signal.aborted) })],
    ['the resolver returns a thenable that never settles', thenable]
  ]
  for (const [what, resolve] of resolvers) {
    t.test(`The caller gets 504 at the deadline if ${what}`, async (t) => {
      const response = await workload(t, resolve, { resolverTimeout: 10 }).inject(pollPath())
      t.equal(response.statusCode, 504)
      t.same(holdToContract(t, response), body)
    })
  }
})

t.test('A callback that settles after its deadline does not affect the response', async (t) => {
  for (const [what, error, logged] of [
    ['an error', new RangeError('too late'), { name: 'RangeError', message: 'too late' }],
    ['undefined', undefined, { message: 'What was thrown is no Error but a value of type undefined: undefined' }],
    ['a frozen error', Object.freeze(new Error('too late')), { message: 'too late' }]
  ] as const) {
    t.test(`After the deadline, a rejection with ${what} is logged with the request's IDs, and is never unhandled`, async (t) => {
      const unhandled = unhandledRejections(t)
      const work = pending<JobState>()
      const { lines, logger } = recordedLog()
      const app = workload(t, () => work.promise, { resolverTimeout: 10, server: { logger } })
      t.equal((await app.inject({ url: pollPath(), headers: { activityid: 'a', requestid: 'r' } })).statusCode, 504)
      work.reject(error)
      await settled()
      t.match(lines.at(-1), {
        level: 40, msg: 'The callback failed after its deadline', err: logged, activityId: 'a', fabricRequestId: 'r'
      })
      t.same(unhandled, [])
    })
  }

  t.test('After the deadline, a returned state is neither read nor logged', async (t) => {
    const unhandled = unhandledRejections(t)
    const work = pending<JobState>()
    const { lines, logger } = recordedLog()
    const app = workload(t, () => work.promise, { resolverTimeout: 10, server: { logger } })
    t.equal((await app.inject(pollPath())).statusCode, 504)
    const before = lines.length
    work.resolve({ get status (): never { throw new Error('the state is read') } })
    await settled()
    t.equal(lines.length, before)
    t.same(unhandled, [])
  })
})

t.test('With resolverTimeout: 0 a resolver has no deadline', async (t) => {
  for (const [end, statusCode] of [['resolve', 200], ['reject', 500]] as const) {
    const work = pending<JobState>()
    const called = pending<void>()
    const app = workload(t, () => { called.resolve(); return work.promise }, { resolverTimeout: 0 })
    const response = app.inject(pollPath()).then((response) => response)
    await called.promise
    if (end === 'resolve') work.resolve(sampleState)
    else work.reject(new Error('no'))
    t.equal((await response).statusCode, statusCode)
  }
})

const gone = { message: 'The client closed the connection before the response.' }

/** A listening host whose resolver passes on its context and never settles. */
async function waiting (t: Test, server: object, isRead: boolean) {
  const contexts: JobStateContext[] = []
  const signals: AbortSignal[] = []
  let onCall = () => {}
  const app = workload(t, (_, context) => {
    contexts.push(context)
    if (isRead) signals.push(context.signal)
    onCall()
    return new Promise(() => {})
  }, { resolverTimeout: 0, server })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const called = (times: number) => new Promise<void>((resolve) => {
    onCall = () => { if (contexts.length === times) resolve() }
    onCall()
  })
  return { port: (app.server.address() as AddressInfo).port, contexts, signals, called }
}

const poll = `GET ${pollPath()} HTTP/1.1\r\nHost: workload\r\n\r\n`

t.test('The signal is aborted', async (t) => {
  t.test('The signal is aborted at the deadline, with the error of the response as its reason', async (t) => {
    const reasons: unknown[] = []
    const app = workload(t, async (_, { signal }) => {
      await once(signal, 'abort')
      reasons.push(signal.reason)
      throw signal.reason
    }, { resolverTimeout: 10 })
    t.match(holdToContract(t, await app.inject(pollPath())), { errorCode: 'ResolverTimeout' })
    t.match(reasons, [{ name: 'WorkloadError', errorCode: 'ResolverTimeout', statusCode: 504 }])
  })

  t.test('The signal is aborted already if it is first read after the deadline', async (t) => {
    let context: JobStateContext | undefined
    const app = workload(t, (_, given) => { context = given; return new Promise(() => {}) }, { resolverTimeout: 10 })
    await app.inject(pollPath())
    t.match(context?.signal, { aborted: true, reason: { errorCode: 'ResolverTimeout' } })
    t.equal(context?.signal, context?.signal)
  })

  for (const count of [1, 5, 20]) {
    t.test(`The signals of ${count} pipelined requests are aborted when their client disconnects`, async (t) => {
      const warnings: unknown[] = []
      const onWarning = (warning: unknown) => { warnings.push(warning) }
      process.on('warning', onWarning)
      t.after(() => process.off('warning', onWarning))
      const { port, signals, called } = await waiting(t, {}, true)
      const socket = connect(port, '127.0.0.1')
      socket.write(poll.repeat(count))
      await called(count)
      t.equal(signals.some(({ aborted }) => aborted), false)
      const aborted = Promise.all(signals.map((signal) => once(signal, 'abort')))
      socket.destroy()
      await aborted
      t.match(signals, Array.from({ length: count }, () => ({ aborted: true, reason: gone })))
      await settled()
      t.same(warnings, [], 'Node.js warns of no leak of listeners')
    })
  }

  t.test('The signals of pipelined requests are aborted already if they are first read after the client disconnected', async (t) => {
    const { port, contexts, called } = await waiting(t, {}, false)
    const socket = connect(port, '127.0.0.1')
    socket.write(poll.repeat(3))
    await called(3)
    const closed = once(contexts[0]!.request.raw.socket, 'close')
    socket.destroy()
    await closed
    t.match(contexts.map(({ signal }) => signal), Array.from({ length: 3 }, () => ({ aborted: true, reason: gone })))
  })

  t.test('The signal of one cancelled HTTP/2 stream is aborted, and not those of other streams', async (t) => {
    const { port, signals, called } = await waiting(t, { http2: true }, true)
    const client = connectHttp2(`http://127.0.0.1:${port}`)
    t.after(() => client.destroy())
    const first = client.request({ ':path': pollPath() })
    first.on('error', () => {})
    await called(1)
    client.request({ ':path': pollPath() }).on('error', () => {})
    await called(2)
    const aborted = once(signals[0]!, 'abort')
    first.close(8)
    await aborted
    t.match(signals, [{ aborted: true, reason: gone }, { aborted: false }])
  })
})

t.test('The signal is not aborted after the resolver has returned', async (t) => {
  t.test('The signal is not aborted if the client disconnects or the deadline passes after the resolver has returned', async (t) => {
    for (const isRead of [true, false]) {
      let context: JobStateContext | undefined
      const app = workload(t, async (_, given) => {
        if (context !== undefined) return await new Promise(() => {})
        context = given
        if (isRead) t.equal(given.signal.aborted, false)
        return sampleState
      }, { resolverTimeout: 5 })
      await app.listen({ host: '127.0.0.1', port: 0 })
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
      socket.write(poll)
      await once(socket, 'data')
      const closed = once(context!.request.raw.socket, 'close')
      socket.destroy()
      await closed
      t.equal((await app.inject(pollPath())).statusCode, 504, 'the deadline of the first request has passed')
      t.equal(context?.signal.aborted, false)
    }
  })
})
