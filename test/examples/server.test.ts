import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

import t, { type Test } from 'tap'

import { HELD } from '../helpers/held-process.js'
import { running, startProcess, stop, type Running } from './server-process.js'
import { WorkloadClient } from './workload-client.js'

/** A built and started workload server; its log has its address and the file with the headers of a call. */
class Server extends WorkloadClient {
  readonly #process: ChildProcess

  static async start (t: Test, dataDir: string): Promise<Server> {
    const process = startWatched(t, dataDir)
    return new Server(process, await running(process))
  }

  private constructor (process: ChildProcess, where: Running) {
    super(where)
    this.#process = process
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

  t.equal(await before.create(plain, { seconds: 1 }), 202)
  t.equal(await before.create(plain.toUpperCase(), { seconds: 1 }), 202, 'Fabric may send a create twice')
  const { status, body } = await before.state(plain)
  t.equal(status, 200)
  t.match(body, { status: /^(?:NotStarted|InProgress)$/ })
  const completed = await before.end(plain)
  t.match(completed, { status: 'Completed', startTimeUtc: /Z$/, endTimeUtc: /Z$/ })

  t.equal(await before.create(failing, { seconds: 0.1, fail: true }), 202)
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

  t.equal(await before.create(cancelled, { seconds: 600 }), 202)
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

  t.equal(await before.create(long, { seconds: 4 }), 202)
  await before.isInProgress(long)
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
