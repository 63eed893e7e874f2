import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

import Fastify, { type FastifyInstance } from 'fastify'
import fabricJobState, { fabricJobs, WorkloadError, type JobState } from 'fastify-fabric-job-state'
import { GetItemJobInstanceState } from 'fastify-fabric-job-state/schemas'
import { createFabric, type ToolkitOperation } from 'fastify-fabric-job-state/testing'
import t, { type Test } from 'tap'

import { commandsToCopy } from '../../examples/workload/commands.js'
import { fabricPage, type FabricPageOptions } from '../../examples/workload/fabric-page.js'
import type { JobWithCalls } from '../../examples/workload/job-recorder.js'

const PATHS = ['/', '/page/page.css', '/page/page.js', '/page/icon.svg', '/fabric', '/fabric/headers']
const PRIVATE_PATHS = [...PATHS, '/fabric/jobs', '/fabric/calls/1']

/** The first event of a stream of recorded jobs. */
async function firstData (body: ReadableStream | null): Promise<JobWithCalls[]> {
  if (body === null) throw new Error('The stream has no body')
  for await (const line of createInterface(Readable.from(body))) {
    if (line.startsWith('data: ')) return JSON.parse(line.slice('data: '.length))
  }
  throw new Error('The stream ended')
}

async function workload (t: Test, options: Partial<FabricPageOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fabricPage, { fabric: createFabric(), api: '/workload-api', host: '127.0.0.1', ...options })
  return app
}

t.test('the page and the headers of a call are served to this machine', async (t) => {
  for (const host of ['127.0.0.1:3000', 'localhost:3000', '[::1]:3000']) {
    const app = await workload(t)
    for (const url of PATHS) {
      t.equal((await app.inject({ url, headers: { host } })).statusCode, 200, `${url} at ${host}`)
    }
  }
})

t.test('the page, the headers and the recorded jobs are not served to other machines', async (t) => {
  const app = await workload(t)
  for (const headers of [
    { host: 'contoso.example:3000' },
    { host: '127.0.0.1.contoso.example' },
    { host: '192.0.2.1:3000' },
    { host: '127.0.0.1:3000', 'x-forwarded-for': '192.0.2.1' },
    { host: '127.0.0.1:3000', forwarded: 'for=192.0.2.1' }
  ]) {
    for (const url of PRIVATE_PATHS) {
      const { statusCode, body } = await app.inject({ url, headers })
      t.equal(statusCode, 403, `${url} for ${JSON.stringify(headers)}`)
      t.equal(body, 'This page is only served to the machine it runs on.')
    }
  }
})

t.test('no page is served if other machines can reach the server, or if Entra ID issues the tokens', async (t) => {
  const hosts = ['0.0.0.0', '::', '192.0.2.1', 'contoso.example', '127.contoso.example']
  for (const options of [...hosts.map((host) => ({ host })), { fabric: undefined }]) {
    const app = await workload(t, options)
    for (const url of PRIVATE_PATHS) t.equal((await app.inject(url)).statusCode, 404, `${url} with ${Object.entries(options)}`)
  }
})

t.test('the server prints the URL of the page, or that only Fabric can call it', (t) => {
  const running = { url: 'http://127.0.0.1:1/workload-api', store: 'PostgreSQL' }
  t.match(commandsToCopy({ ...running, headersFile: 'file', page: 'http://127.0.0.1:1/' }),
    /^Fabric simulator: http:\/\/127\.0\.0\.1:1\/\n/)
  t.match(commandsToCopy({ ...running, headersFile: 'file' }), /^Workload API: /)
  t.match(commandsToCopy({ ...running, headersFile: undefined }), 'Only Microsoft Fabric can call it')
  t.end()
})

t.test('the security headers of the page allow only its own files', async (t) => {
  const { headers } = await (await workload(t)).inject('/')
  t.match(headers, {
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store'
  })
  const policy = String(headers['content-security-policy']).split('; ')
  for (const directive of ["default-src 'none'", "script-src 'self'", "form-action 'none'", "frame-ancestors 'none'"]) {
    t.ok(policy.includes(directive), directive)
  }
  t.notMatch(policy.join(), /unsafe|\*|https?:/)
})

t.test('the page can request valid headers, and invalid ones by name', async (t) => {
  const app = await workload(t)
  const { sampleJob, badHeaders } = (await app.inject('/fabric')).json()
  t.match(sampleJob, /^\/workload-api\/workspaces\/[\w-]{36}\/items\//)
  const names = (await createFabric().badHeaders()).map(({ name }) => name)
  t.strictSame(badHeaders, names)

  const headersOf = async (query: Record<string, string>) =>
    (await app.inject({ url: '/fabric/headers', query })).json()
  t.match(await headersOf({}), { authorization: /^SubjectAndAppToken1\.0 subjectToken="eyJ/ })
  t.strictSame((await headersOf({ bad: 'the Authorization header is empty' })).authorization, '')
  t.equal((await app.inject({ url: '/fabric/headers', query: { bad: 'nothing' } })).statusCode, 404)
})

t.test('the page records the jobs of the workload', async (t) => {
  const fabric = createFabric()
  const ID = '63f77191-432d-4ee6-9c5f-31a1a6987072'

  /** A workload with the page, whose job has the given states in turn. */
  async function watched (t: Test, states: Array<JobState | Error | null>, logger: boolean | object = { level: 'silent' }) {
    const app = Fastify({ logger })
    t.teardown(() => app.close())
    await app.register(fabricPage, { fabric, api: '/workload-api', host: '127.0.0.1' })
    await app.register(async (workload) => {
      await workload.register(fabricJobState, {
        authentication: fabric.authentication,
        resolveJobState () {
          const state = states.shift() ?? null
          if (state instanceof Error) throw state
          return state
        }
      })
      workload.post(GetItemJobInstanceState.url, async (request, reply) => reply.code(202).send())
    }, { prefix: '/workload-api' })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })

    const call = async (method: 'GET' | 'POST', headers: Record<string, string> = {}, jobInstanceId = ID) => {
      const poll = await fabric.poll({ prefix: '/workload-api', job: { jobInstanceId } })
      return await fetch(url + poll.url, { method, headers: { ...poll.headers, 'user-agent': 'curl/8.5.0', ...headers } })
    }
    /** The jobs that the page gets when it loads. */
    const jobs = async (): Promise<JobWithCalls[]> => {
      return await firstData((await fetch(`${url}/fabric/jobs`)).body)
    }
    return { app, url, call, jobs }
  }

  t.test('the client that started a job, its states over time and the report of its end are recorded', async (t) => {
    const start = new Date(Date.now() + 3_600_000)
    const end = new Date(Date.now() + 7_200_000)
    const { call, jobs } = await watched(t, [
      { status: 'NotStarted' }, { status: 'InProgress', startTimeUtc: start },
      { status: 'Completed', startTimeUtc: start, endTimeUtc: end }, { status: 'Completed', startTimeUtc: start, endTimeUtc: end }
    ])
    for (const method of ['POST', 'GET', 'GET', 'GET', 'GET'] as const) await call(method)
    const { job, calls } = (await jobs()).at(0) ?? {}
    t.match(job, { startedBy: 'curl', jobInstanceId: ID, itemType: 'Contoso.FinanceAnalytics.Forecast', callCount: 5 })
    t.strictSame(job?.spans.map(({ state }) => state), ['NotStarted', 'InProgress', 'Completed'])
    t.equal(job?.reportedAfter, 0)
    t.strictSame(calls?.map(({ outcome }) => outcome), ['', 'NotStarted', 'InProgress', 'Completed', 'Completed'])
    t.notMatch(JSON.stringify(calls), /eyJ[\w.-]{8,}/, 'without a whole token')
  })

  t.test('a job that the workload does not find is not recorded', async (t) => {
    const { call, jobs } = await watched(t, [null])
    t.equal((await call('GET')).status, 404)
    t.strictSame(await jobs(), [])
  })

  t.test('a job from before the server\'s start is recorded at its first poll', async (t) => {
    const { call, jobs } = await watched(t, [
      { status: 'Completed', startTimeUtc: '2026-01-01T10:00:00Z', endTimeUtc: '2026-01-01T10:00:20Z' }
    ])
    await call('GET')
    const job = (await jobs()).at(0)?.job
    t.equal(job?.startedBy, undefined)
    t.equal(job?.reportedAfter, undefined)
    t.match(job?.spans, [{ state: 'InProgress', from: Date.UTC(2026, 0, 1, 10), to: Date.UTC(2026, 0, 1, 10, 0, 20) }, { state: 'Completed' }])
  })

  t.test('errors of the workload are recorded with the job, but not refusals of other callers', async (t) => {
    const unavailable = new WorkloadError({ statusCode: 503, errorCode: 'Busy', message: 'Busy.', source: 'System' })
    const { call, jobs } = await watched(t, [{ status: 'InProgress' }, unavailable])
    await call('GET')
    await call('GET', { authorization: '' })
    t.match((await jobs()).at(0)?.job, { error: undefined, callCount: 2 })
    await call('GET')
    t.match((await jobs()).at(0)?.job, { error: { errorCode: 'Busy' }, spans: [{}, {}, { state: 'NoState' }] })
  })

  t.test('the reason of a refusal is recorded from the log at any log level', async (t) => {
    for (const level of ['info', 'fatal']) {
      const printed: string[] = []
      const stream = { write: (line: string) => { printed.push(line) } }
      const { app, call } = await watched(t, [], { level, stream })
      await call('GET', { authorization: '', requestid: 'a-refused-call' })
      const { log } = (await app.inject('/fabric/calls/a-refused-call')).json()
      t.match(log, [/^SubjectAndApp authentication refused\nreason: /])
      t.equal(printed.join('').includes('SubjectAndApp authentication refused'), level === 'info', 'the log is printed at its level')
    }
  })

  t.test('the jobs of the Extensibility Toolkit are recorded with those of the contract', async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    const states = new Map<string, JobState>()
    await app.register(fabricPage, { fabric, api: '/workload-api', host: '127.0.0.1' })
    await app.register(fabricJobs, {
      prefix: '/workload-api',
      authentication: fabric.authentication,
      api: 'both',
      createJobInstance: ({ jobInstanceId }) => { states.set(jobInstanceId, { status: 'NotStarted' }) },
      resolveJobState: ({ jobInstanceId }) => states.get(jobInstanceId),
      cancelJobInstance: () => ({ status: 'Cancelled' })
    })
    const prefix = '/workload-api'
    const headers = { 'user-agent': 'curl/8.5.0' }
    const call = async (operation: ToolkitOperation, body = {}) => {
      const request = await fabric.toolkitRequest(operation, { prefix, body })
      return (await app.inject({ ...request, url: `${request.url}?api-version=1`, headers: { ...request.headers, ...headers } })).statusCode
    }
    const poll = await fabric.poll({ prefix })
    t.equal(await call('onCreateJobInstance'), 201)
    t.equal((await app.inject(poll)).statusCode, 200)
    t.equal(await call('onGetJobInstanceStatus'), 200)
    t.equal(await call('onCancelJobInstance'), 200)
    t.equal(await call('onGetJobInstanceStatus', { jobInstanceId: 7 }), 400)
    t.equal(await call('onGetJobInstanceStatus', { jobType: '\ud800' }), 200)
    t.equal((await app.inject({ ...poll, url: poll.url.replace('/workload-api', ''), headers })).statusCode, 404)

    const { body } = await fetch(`${await app.listen({ host: '127.0.0.1', port: 0 })}/fabric/jobs`)
    const recorded = await firstData(body)
    t.equal(recorded.length, 1)
    t.match(recorded[0]?.job, { startedBy: 'curl', jobInstanceId: ID, jobType: 'calculateForecast', path: poll.url, callCount: 5 })
    t.strictSame(recorded[0]?.calls.map(({ outcome }) => outcome), ['NotStarted', 'NotStarted', 'NotStarted', 'Cancelled', 'NotStarted'])
  })

  t.test('only the latest hundred jobs are recorded', async (t) => {
    const { call, jobs } = await watched(t, [])
    for (let i = 0; i <= 100; i++) await call('POST', {}, ID.slice(0, -3) + String(100 + i))
    const recorded = await jobs()
    t.equal(recorded.length, 100)
    t.match(recorded.at(0)?.job.jobInstanceId, /101$/)
  })

  t.test('the stream of recorded jobs ends when the server closes', async (t) => {
    const { app, url } = await watched(t, [])
    const { body } = await fetch(`${url}/fabric/jobs`)
    const stream = Readable.from(body ?? []).resume()
    await Promise.all([once(stream, 'end'), app.close()])
    t.ok(stream.readableEnded)
  })
  t.end()
})
