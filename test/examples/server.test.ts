import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'

import t, { type Test } from 'tap'

import { HELD } from '../helpers/held-process.js'
import { said, startProcess, stop } from './server-process.js'

/** A built and started workload server; its printed commands contain its address and headers. */
class Server {
  readonly #process: ChildProcess
  readonly #headers: Record<string, string>
  /** The URL of a job, without its ID. */
  readonly #jobs: string

  static async start (t: Test, dataDir: string): Promise<Server> {
    const process = startWatched(t, dataDir)
    return new Server(process, dataDir, await said(process, /^JOB=(.*\/)[\w-]+$/))
  }

  private constructor (process: ChildProcess, dataDir: string, jobs: string) {
    this.#process = process
    this.#jobs = jobs
    const lines = readFileSync(join(dataDir, 'fabric-headers'), 'utf8').trim().split('\n')
    this.#headers = Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2)))
  }

  async start (id: string, creationPayload: object): Promise<number> {
    const response = await fetch(this.#jobs + id, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify({ invokeType: 'Manual', creationPayload })
    })
    return response.status
  }

  async state (id: string, method = 'GET'): Promise<{ status: number, body: Record<string, unknown> }> {
    const response = await fetch(this.#jobs + id, { method, headers: this.#headers })
    return { status: response.status, body: Object(await response.json()) }
  }

  cancel (id: string) {
    return this.state(`${id}/cancel`, 'POST')
  }

  /** Polls until the job has ended. */
  async end (id: string): Promise<Record<string, unknown>> {
    for (;;) {
      const { body } = await this.state(id)
      if (body.status !== 'NotStarted' && body.status !== 'InProgress') return body
      await setTimeout(50)
    }
  }

  /** Asks by the API of the Extensibility Toolkit. */
  async toolkit (operation: string, jobInstanceId: string, body: object = {}): Promise<{ status: number, body: Record<string, unknown> }> {
    const response = await fetch(this.#jobs.replace(/jobTypes\/.*/, `jobs/${operation}`), {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify({ jobType: 'calculateForecast', jobInstanceId, ...body })
    })
    return { status: response.status, body: Object(await response.json()) }
  }

  async stranger (id: string): Promise<number> {
    return (await fetch(this.#jobs + id)).status
  }

  /** @returns its exit code */
  async stop (signal: NodeJS.Signals): Promise<number> {
    return await stop(this.#process, signal)
  }
}

function startWatched (t: Test, dataDir: string): ChildProcess {
  const server = startProcess(dataDir, HELD)
  t.teardown(() => server.kill('SIGKILL'))
  return server
}

t.setTimeout(180_000)

t.test('the workload server runs jobs and reports their states, also after a restart during a job', async (t) => {
  const dataDir = t.testdir()
  const [plain, failing, cancelled, long] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
  const before = await Server.start(t, dataDir)

  t.equal(await before.start(plain, { seconds: 1 }), 202)
  t.equal(await before.start(plain.toUpperCase(), { seconds: 1 }), 202, 'Fabric may send a create twice')
  const { status, body } = await before.state(plain)
  t.equal(status, 200)
  t.match(body, { status: /^(?:NotStarted|InProgress)$/ })
  const completed = await before.end(plain)
  t.match(completed, { status: 'Completed', startTimeUtc: /Z$/, endTimeUtc: /Z$/ })

  t.equal(await before.start(failing, { seconds: 0.1, fail: true }), 202)
  const failed = await before.end(failing)
  t.match(failed, {
    status: 'Failed',
    errorDetails: {
      errorCode: 'SeriesTooShort',
      message: 'The series "sales" has 3 points; a forecast needs at least 12.',
      messageParameters: ['sales', '3', '12'],
      source: 'User',
      isPermanent: true
    }
  })

  t.equal(await before.start(cancelled, { seconds: 600 }), 202)
  const cancellation = await before.cancel(cancelled)
  t.match(cancellation, { status: 200, body: { status: 'Cancelled', endTimeUtc: /Z$/ } })
  t.match(await before.cancel(plain), { status: 200, body: completed }, 'too late to cancel')

  const toolkits = randomUUID()
  t.match(await before.toolkit('onCreateJobInstance', toolkits, { executionData: { seconds: 600 } }), { status: 201, body: { status: /^(?:NotStarted|InProgress)$/ } })
  t.match(await before.state(toolkits), { status: 200, body: { status: /^(?:NotStarted|InProgress)$/ } })
  t.match(await before.toolkit('onCancelJobInstance', toolkits), { status: 200, body: { status: 'Cancelled' } })
  t.strictSame(await before.toolkit('onGetJobInstanceStatus', toolkits), await before.state(toolkits))

  t.match(await before.state(randomUUID()), { status: 404, body: { errorCode: 'JobInstanceNotFound' } })
  t.match(await before.cancel(randomUUID()), { status: 404, body: { errorCode: 'JobInstanceNotFound' } })
  t.equal(await before.stranger(plain), 401)

  t.equal(await before.start(long, { seconds: 4 }), 202)
  while ((await before.state(long)).body.status !== 'InProgress') await setTimeout(50)
  t.equal(await before.stop('SIGTERM'), 0)

  const after = await Server.start(t, dataDir)
  t.strictSame((await after.state(plain)).body, completed)
  t.strictSame((await after.state(failing)).body, failed)
  t.strictSame(await after.state(cancelled), cancellation)
  t.match(await after.end(long), { status: 'Completed' }, 'the interrupted job was run again')

  const second = startWatched(t, dataDir)
  const [[code], complaint] = await Promise.all([once(second, 'exit'), second.stderr && text(second.stderr)])
  t.equal(code, 1)
  t.match(complaint, `${dataDir} is in use by process`)

  t.equal(await after.stop('SIGINT'), 0)
})
