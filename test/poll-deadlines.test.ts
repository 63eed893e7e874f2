import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout } from 'node:timers/promises'

import t from 'tap'

import type { JobStateResolver } from '../lib/index.js'
import { pending } from './helpers/pending.js'
import { pollPath, sampleState, workload } from './helpers/poll.js'

/** Says, by the job type that is asked about, when the resolver answers. */
function resolverOf (answers: Record<string, ReturnType<JobStateResolver>>): JobStateResolver {
  return ({ jobType }) => answers[jobType]
}

t.test('The polls in flight', async (t) => {
  t.test('each have their own deadline, in whichever order they are answered', async (t) => {
    const first = pending<typeof sampleState>()
    const second = pending<typeof sampleState>()
    const third = pending<typeof sampleState>()
    const app = workload(t, resolverOf({ first: first.promise, second: second.promise, third: third.promise }), {
      resolverTimeout: 50
    })
    const answers = ['first', 'second', 'third'].map((jobType) => app.inject(pollPath({ jobType })))
    second.resolve(sampleState)
    t.same((await Promise.all(answers)).map(({ statusCode }) => statusCode), [504, 200, 504])
  })

  t.test('have all their time, also where they came while another waited', async (t) => {
    const aWhile = setTimeout(20, sampleState)
    const app = workload(t, resolverOf({ aWhile, never: new Promise(() => {}) }), { resolverTimeout: 50 })
    const order: string[] = []
    const poll = async (name: string) => {
      const begin = performance.now()
      const { statusCode } = await app.inject(pollPath({ jobType: 'never' }))
      t.equal(statusCode, 504)
      t.ok(performance.now() - begin >= 50)
      order.push(name)
    }
    const first = poll('first')
    await app.inject(pollPath({ jobType: 'aWhile' }))
    await Promise.all([first, poll('second')])
    t.same(order, ['first', 'second'])
  })

  t.test('are answered in time also where they began while another one\'s deadline passed', async (t) => {
    const asked: string[] = []
    const second = pending<number>()
    const app = workload(t, ({ jobType }, { signal }) => {
      asked.push(jobType)
      if (jobType === 'first') {
        signal.addEventListener('abort', () => {
          app.inject(pollPath({ jobType: 'second' })).then(({ statusCode }) => second.resolve(statusCode), second.reject)
          t.same(asked, ['first', 'second'], 'before anything else happens')
        })
      }
      return new Promise(() => {})
    }, { resolverTimeout: 30 })
    await app.ready()
    t.equal((await app.inject(pollPath({ jobType: 'first' }))).statusCode, 504)
    t.equal(await second.promise, 504)
  })

  t.test('are each answered in their own asynchronous context', async (t) => {
    const polls = new AsyncLocalStorage<string>()
    const app = workload(t, () => new Promise(() => {}), { resolverTimeout: 30 })
    app.addHook('onRequest', ({ params }, _, done) => polls.run(Object(params).jobType, done))
    const contexts: unknown[] = []
    app.addHook('onError', async ({ params }) => {
      contexts.push([Object(params).jobType, polls.getStore()])
    })
    await Promise.all(['first', 'second'].map((jobType) => app.inject(pollPath({ jobType }))))
    t.same(contexts, [['first', 'first'], ['second', 'second']])
  })
})

t.test('The timer of the deadlines keeps no process alive once all polls are answered', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
  const asked = pending<void>()
  const answer = pending<typeof sampleState>()
  const app = workload(t, () => {
    asked.resolve()
    return answer.promise
  })
  await app.ready()
  const before = timers()
  const poll = app.inject(pollPath())
  await asked.promise
  t.equal(timers(), before + 1)
  answer.resolve(sampleState)
  t.equal((await poll).statusCode, 200)
  t.equal(timers(), before)
})
