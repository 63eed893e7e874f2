import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

import Fastify from 'fastify'
import { subjectAndApp } from 'fastify-fabric-job-state'
import { createFabric } from 'fastify-fabric-job-state/testing'
import t, { type Test } from 'tap'

import { health } from '../../examples/workload/health.js'
import { pending } from '../helpers/pending.js'

interface Options {
  askEngine?: () => Promise<unknown>
  drainSeconds?: number
}

async function server (t: Test, { askEngine = async () => {}, drainSeconds = 0 }: Options = {}) {
  const lines: Array<{ msg: string }> = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const app = Fastify({ logger: { level: 'info', stream }, return503OnClosing: false })
  t.teardown(() => app.close())
  const fabric = createFabric()
  await app.register(subjectAndApp, fabric.authentication)
  await app.register(health, { askEngine, drainSeconds })
  app.get('/keys', { onRequest: app.authenticateSubjectAndApp }, async () => 'accepted')
  const fetchKeys = async () => app.inject({ url: '/keys', headers: await fabric.headers() })
  return { app, fetchKeys, lines }
}

t.test('/health/live responds with 200 without an engine and without signing keys', async (t) => {
  const { app } = await server(t, { askEngine: () => Promise.reject(new Error('away')) })
  const { statusCode, body } = await app.inject('/health/live')
  t.strictSame([statusCode, body], [200, '{"status":"live"}'])
})

t.test('/health/ready responds with 503 until there are signing keys, then with 200', async (t) => {
  const { app, fetchKeys } = await server(t)
  const before = await app.inject('/health/ready')
  t.equal(before.statusCode, 503)
  t.equal(before.headers['cache-control'], 'no-store')
  t.strictSame(before.json(), { status: 'not ready', checks: { open: true, signingKeys: false, engine: true } })
  t.equal((await fetchKeys()).statusCode, 200)
  const after = await app.inject('/health/ready')
  t.equal(after.statusCode, 200)
  t.strictSame(after.json(), { status: 'ready', checks: { open: true, signingKeys: true, engine: true } })
})

t.test('/health/ready responds with 503 while the engine fails or does not answer, and sends it one query at a time', async (t) => {
  let answer: () => Promise<unknown> = () => Promise.reject(new Error('away'))
  let asked = 0
  const { app, fetchKeys } = await server(t, { askEngine: () => { asked++; return answer() } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  await fetchKeys()
  t.match((await app.inject('/health/ready')).json(), { checks: { signingKeys: true, engine: false } })

  const silence = pending<void>()
  answer = () => silence.promise
  asked = 0
  const probes = await Promise.all([app.inject('/health/ready'), app.inject('/health/ready')])
  t.same(probes.map(({ statusCode }) => statusCode), [503, 503])
  t.equal((await app.inject('/health/ready')).statusCode, 503)
  t.equal(asked, 1)

  silence.resolve()
  answer = async () => {}
  await setTimeout(0)
  t.equal((await app.inject('/health/ready')).statusCode, 200)
})

t.test('a change of readiness is logged, and probes are not', async (t) => {
  const { app, fetchKeys, lines } = await server(t)
  for (let i = 0; i < 3; i++) await app.inject('/health/ready')
  await fetchKeys()
  for (let i = 0; i < 3; i++) await app.inject('/health/ready')
  t.same(lines.map(({ msg }) => msg).filter((msg) => /ready/i.test(msg)), ['Not ready', 'Ready'])
  t.equal(lines.filter(({ msg }) => msg === 'incoming request').length, 1)
})

t.test('a closing server is not ready and accepts requests for drainSeconds, then it closes', async (t) => {
  const { app, fetchKeys } = await server(t, { drainSeconds: 1 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  await fetchKeys()
  t.equal((await fetch(`${url}/health/ready`)).status, 200)
  const closed = once(app.server, 'close')
  const closing = app.close()
  const draining = await fetch(`${url}/health/ready`)
  t.equal(draining.status, 503)
  t.match(await draining.json(), { status: 'not ready', checks: { open: false } })
  t.equal((await fetch(`${url}/health/live`)).status, 200)
  await closed
  await closing
  await t.rejects(fetch(`${url}/health/live`))
})
