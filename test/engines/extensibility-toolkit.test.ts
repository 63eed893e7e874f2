import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import { pgBossJobs } from '../../lib/engines/pg-boss.js'
import { fabricJobs, type JobInstance } from '../../lib/index.js'
import { createFabric, type PollOptions, type ToolkitOperation } from '../../lib/testing/index.js'
import { Engine as BullmqEngine, TOKEN } from './bullmq-engine.js'
import type { Callbacks } from './jobs-host.js'
import { Engine as PgBossEngine } from './pg-boss-engine.js'
import { someJob } from './polling.js'
import { DATABASE_URL, Proxy, REDIS_URL, skipWithout } from './services.js'

// One job over both of Fabric's APIs, in real engines.

const QUEUE = 'calculateForecast'
const OPTIONS = { jobTypes: [QUEUE], timeout: 2_000 }

/** A job that a worker has taken. */
interface Taken {
  data: unknown
  complete: () => Promise<unknown>
}

interface RealEngine {
  callbacks: Callbacks
  take: () => Promise<Taken>
}

const engines = {
  'pg-boss on PostgreSQL': {
    skip: await skipWithout('PostgreSQL', DATABASE_URL),
    url: DATABASE_URL,
    async start (t: Test, connectionString: string): Promise<RealEngine> {
      const boss = await new PgBossEngine(t).start({ connectionString })
      return {
        callbacks: pgBossJobs(boss, OPTIONS),
        async take () {
          const [job] = await boss.fetch(QUEUE)
          if (job === undefined) throw new Error(`no job in ${QUEUE}`)
          return { data: job.data, complete: () => boss.complete(QUEUE, job.id) }
        }
      }
    }
  },
  'BullMQ on Redis': {
    skip: await skipWithout('Redis', REDIS_URL),
    url: REDIS_URL,
    async start (t: Test, url: string): Promise<RealEngine> {
      const engine = new BullmqEngine(t, url)
      return {
        callbacks: engine.callbacks(OPTIONS),
        async take () {
          const job = await engine.take(QUEUE)
          return { data: job.data, complete: () => job.moveToCompleted('done', TOKEN, false) }
        }
      }
    }
  }
}

/** Fabric, which calls a workload by both of its APIs. */
class BothApis {
  readonly #fabric = createFabric()
  readonly #app: FastifyInstance

  constructor (t: Test, callbacks: Callbacks) {
    this.#app = Fastify({ routerOptions: { maxParamLength: 256 } })
    t.teardown(() => this.#app.close())
    this.#app.register(fabricJobs, { authentication: this.#fabric.authentication, api: 'both', ...callbacks })
  }

  async toolkit (operation: ToolkitOperation, job: JobInstance, body = {}, options: PollOptions = {}) {
    return this.#answer(await this.#fabric.toolkitRequest(operation, { job, body, ...options }))
  }

  async create (job: JobInstance, creationPayload: object) {
    return this.#answer({ ...await this.#fabric.poll({ job }), method: 'POST', payload: { invokeType: 'Manual', creationPayload } })
  }

  async state (job: JobInstance) {
    return this.#answer(await this.#fabric.poll({ job }))
  }

  async cancel (job: JobInstance) {
    const poll = await this.#fabric.poll({ job })
    return this.#answer({ ...poll, method: 'POST', url: `${poll.url}/cancel` })
  }

  async #answer (request: { method: 'GET' | 'POST', url: string, headers: object, payload?: object }) {
    const { statusCode, body } = await this.#app.inject({ ...request, headers: { ...request.headers } })
    return { statusCode, body: body === '' ? undefined : JSON.parse(body) }
  }
}

const NOT_STARTED = { status: 'NotStarted' }
const OTHER_TENANT = '3fa85f64-5717-4562-b3fc-2c963f66afa6'

for (const [name, { skip, url, start }] of Object.entries(engines)) {
  t.test(`A job that the toolkit's API has created in ${name} is asked about and cancelled by the kit's`, { skip }, async (t) => {
    const { callbacks, take } = await start(t, url)
    const [fabric, job, cancelled] = [new BothApis(t, callbacks), someJob(), someJob()]
    const executionData = { months: 12 }
    for (let i = 0; i < 2; i++) {
      t.strictSame(await fabric.toolkit('onCreateJobInstance', job, { executionData }), { statusCode: 201, body: NOT_STARTED })
    }
    t.strictSame(await fabric.create(job, executionData), { statusCode: 202, body: undefined }, 'the same create by the other API is the same job')
    t.strictSame(await fabric.state(job), { statusCode: 200, body: NOT_STARTED })

    const { data, complete } = await take()
    t.match(data, executionData)
    t.match(await fabric.state(job), { statusCode: 200, body: { status: 'InProgress', startTimeUtc: /Z$/ } })
    t.match(await fabric.toolkit('onCreateJobInstance', job, { executionData }), { statusCode: 201, body: { status: 'InProgress' } })
    await complete()
    const completed = await fabric.state(job)
    t.match(completed, { statusCode: 200, body: { status: 'Completed', endTimeUtc: /Z$/ } })
    t.strictSame(await fabric.toolkit('onGetJobInstanceStatus', job), completed)

    t.equal((await fabric.toolkit('onCreateJobInstance', cancelled)).statusCode, 201)
    t.match(await fabric.cancel(cancelled), { statusCode: 200, body: { status: 'Cancelled' } })
    t.match(await fabric.toolkit('onGetJobInstanceStatus', cancelled), { statusCode: 200, body: { status: 'Cancelled' } })
  })

  t.test(`A job that the kit's API has created in ${name} is asked about and cancelled by the toolkit's`, { skip }, async (t) => {
    const { callbacks, take } = await start(t, url)
    const [fabric, job, cancelled] = [new BothApis(t, callbacks), someJob(), someJob()]
    t.equal((await fabric.create(job, { months: 12 })).statusCode, 202)
    t.strictSame(await fabric.toolkit('onGetJobInstanceStatus', job), { statusCode: 200, body: NOT_STARTED })
    const { data, complete } = await take()
    t.match(data, { months: 12 })
    t.match(await fabric.toolkit('onGetJobInstanceStatus', job), { statusCode: 200, body: { status: 'InProgress', startTimeUtc: /Z$/ } })
    await complete()
    const completed = await fabric.toolkit('onGetJobInstanceStatus', job)
    t.match(completed, { statusCode: 200, body: { status: 'Completed' } })
    t.strictSame(await fabric.toolkit('onCancelJobInstance', job), completed, 'a job that has ended keeps its state')

    t.equal((await fabric.create(cancelled, {})).statusCode, 202)
    t.match(await fabric.toolkit('onCancelJobInstance', cancelled), { statusCode: 200, body: { status: 'Cancelled' } })
    t.match(await fabric.state(cancelled), { statusCode: 200, body: { status: 'Cancelled' } })
  })

  t.test(`The failures of ${name} are ErrorResponses of each operation of the toolkit`, { skip }, async (t) => {
    const proxy = new Proxy(url)
    await proxy.start()
    t.teardown(() => proxy.stop())
    const { callbacks } = await start(t, proxy.url)
    const [fabric, job] = [new BothApis(t, callbacks), someJob()]
    const unknown = { ...job, jobType: 'other' }
    const body = { errorCode: 'JobInstanceNotFound', source: 'System', isPermanent: true }

    t.match(await fabric.toolkit('onCreateJobInstance', unknown), {
      statusCode: 400, body: { errorCode: 'UnknownJobType', source: 'User', isPermanent: true }
    })
    t.equal((await fabric.toolkit('onCreateJobInstance', job)).statusCode, 201)
    t.match(await fabric.toolkit('onCreateJobInstance', job, {}, { tenantId: OTHER_TENANT }), {
      statusCode: 409, body: { errorCode: 'JobNotAccepted', source: 'System', isPermanent: false }
    })
    for (const operation of ['onGetJobInstanceStatus', 'onCancelJobInstance'] as const) {
      for (const stranger of [unknown, { ...job, itemType: 'Contoso.Other' }, { ...job, jobType: 'calculate\0' }, { ...job, jobType: '\ud800' }]) {
        t.match(await fabric.toolkit(operation, stranger), { statusCode: 404, body })
      }
      t.match(await fabric.toolkit(operation, job, {}, { tenantId: OTHER_TENANT }), { statusCode: 404, body })
    }

    await proxy.stop()
    for (const operation of ['onCreateJobInstance', 'onGetJobInstanceStatus', 'onCancelJobInstance'] as const) {
      t.match(await fabric.toolkit(operation, job), {
        statusCode: 503, body: { errorCode: 'EngineUnavailable', source: 'System', isPermanent: false }
      })
    }
    await proxy.start()
  })
}
