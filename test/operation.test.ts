import t, { type Test } from 'tap'

import type { JobState, JobStateResolver } from '../lib/index.js'
import { pending } from './helpers/pending.js'
import { holdToContract, pollPath, recordedLog, sampleState, workload } from './helpers/poll.js'

/** What the process hears of rejections that nobody handled. */
function unhandledRejections (t: Test): unknown[] {
  const heard: unknown[] = []
  const listener = (error: unknown) => { heard.push(error) }
  process.on('unhandledRejection', listener)
  t.after(() => process.off('unhandledRejection', listener))
  return heard
}

/** Node tells of unhandled rejections after the microtasks. */
const settled = () => new Promise(setImmediate)

const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

t.test('At the deadline', async (t) => {
  t.test('the caller has 504, though the resolver never settles', async (t) => {
    const answer = await workload(t, () => new Promise(() => {}), { resolverTimeout: 10 }).inject(pollPath())
    t.equal(answer.statusCode, 504)
    t.match(holdToContract(t, answer), { errorCode: 'ResolverTimeout' })
  })

  t.test('the caller has 504, though the resolver ignores the signal', async (t) => {
    const late = pending<JobState>()
    const app = workload(t, (_, { signal }) => {
      t.notOk(signal.aborted)
      return late.promise
    }, { resolverTimeout: 10 })
    const answer = await app.inject(pollPath())
    t.match(holdToContract(t, answer), { errorCode: 'ResolverTimeout' })
    late.resolve(sampleState)
  })

  t.test('the caller has 504, though what the resolver returned is no real promise', async (t) => {
    // The type is broken on purpose: a thenable is no Promise.
    const resolve = (() => ({ then () {} })) as unknown as JobStateResolver
    t.match(holdToContract(t, await workload(t, resolve, { resolverTimeout: 10 }).inject(pollPath())),
      { errorCode: 'ResolverTimeout' })
  })
})

t.test('After the deadline', async (t) => {
  for (const [what, error, logged] of [
    ['an error', new RangeError('too late'), { name: 'RangeError', message: 'too late' }],
    ['undefined', undefined, { message: 'What was thrown is no Error but a value of type undefined: undefined' }],
    ['a frozen error', Object.freeze(new Error('too late')), { message: 'too late' }]
  ] as const) {
    t.test(`a rejection is logged and never unhandled: ${what}`, async (t) => {
      const unhandled = unhandledRejections(t)
      const late = pending<JobState>()
      const { lines, logger } = recordedLog()
      const app = workload(t, () => late.promise, { resolverTimeout: 10, server: { logger } })
      const answer = await app.inject({ url: pollPath(), headers: { activityid: 'a', requestid: 'r' } })
      t.equal(answer.statusCode, 504)
      late.reject(error)
      await settled()
      t.match(lines.at(-1), {
        level: 40, msg: 'The callback failed after its deadline', err: logged, activityId: 'a', fabricRequestId: 'r'
      })
      t.same(unhandled, [])
    })
  }

  t.test('an answer is ignored', async (t) => {
    const unhandled = unhandledRejections(t)
    const late = pending<JobState>()
    const { lines, logger } = recordedLog()
    const app = workload(t, () => late.promise, { resolverTimeout: 10, server: { logger } })
    t.equal((await app.inject(pollPath())).statusCode, 504)
    const before = lines.length
    late.resolve({ get status (): never { throw new Error('nobody reads it') } })
    await settled()
    t.equal(lines.length, before)
    t.same(unhandled, [])
  })
})

t.test('Before the deadline', async (t) => {
  const outcomes: [what: string, settle: (work: ReturnType<typeof pending<JobState>>) => void, status: number][] = [
    ['answers', ({ resolve }) => resolve(sampleState), 200],
    ['fails', ({ reject }) => reject(new Error('no')), 500]
  ]
  for (const [what, settle, statusCode] of outcomes) {
    t.test(`a resolver that ${what} leaves no timer behind`, async (t) => {
      const unhandled = unhandledRejections(t)
      const work = pending<JobState>()
      const asked = pending<void>()
      const app = workload(t, () => { asked.resolve(); return work.promise }, { resolverTimeout: 60_000 })
      await app.ready()
      const before = timers()
      const polled = app.inject(pollPath()).then((answer) => answer)
      await asked.promise
      await settled()
      t.equal(timers(), before + 1, 'one timer waits')
      settle(work)
      t.equal((await polled).statusCode, statusCode)
      t.equal(timers(), before)
      t.same(unhandled, [])
    })
  }

  t.test('a resolver whose thenable throws leaves no timer behind', async (t) => {
    const app = workload(t, (() => ({ then () { throw new Error('no') } })) as unknown as JobStateResolver)
    await app.ready()
    const before = timers()
    t.equal((await app.inject(pollPath())).statusCode, 500)
    t.equal(timers(), before)
  })

  t.test('a resolver that answers at once never had one', async (t) => {
    let during = -1
    const app = workload(t, () => sampleState, { resolverTimeout: 60_000 })
    app.addHook('onSend', async () => { during = timers() })
    await app.ready()
    const before = timers()
    await app.inject(pollPath())
    t.equal(during, before)
  })

  t.test('a resolver may be as slow as it likes with resolverTimeout: 0', async (t) => {
    for (const [settle, statusCode] of [
      [({ resolve }: ReturnType<typeof pending<JobState>>) => resolve(sampleState), 200],
      [({ reject }: ReturnType<typeof pending<JobState>>) => reject(new Error('no')), 500]
    ] as const) {
      const work = pending<JobState>()
      const asked = pending<void>()
      const app = workload(t, () => { asked.resolve(); return work.promise }, { resolverTimeout: 0 })
      await app.ready()
      const before = timers()
      const polled = app.inject(pollPath()).then((answer) => answer)
      await asked.promise
      await settled()
      t.equal(timers(), before, 'no timer')
      settle(work)
      t.equal((await polled).statusCode, statusCode)
    }
  })
})
