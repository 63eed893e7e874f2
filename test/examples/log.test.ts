import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'

import t, { type Test } from 'tap'

import { newDatabase } from '../engines/pg-boss-engine.js'
import { DATABASE_URL, REDIS_URL, redisDatabase, skipWithout } from '../engines/services.js'
import { running, startProcess, stop, type Running } from './server-process.js'
import { WorkloadClient } from './workload-client.js'

t.setTimeout(120_000)

interface Line {
  msg: string
  activityId?: string
  jobInstanceId?: string
  reqId?: string
  req?: { method: string, url: string }
  res?: { statusCode: number }
  err?: { message: string }
}

/** A server and its output on stdout, which is a pipe. */
async function logging (t: Test, settings: Record<string, string>, command: string[]) {
  const server: ChildProcess = startProcess(t.testdir(), settings, { command: [process.execPath, ...command] })
  t.teardown(() => server.kill('SIGKILL'))
  let output = ''
  server.stdout?.on('data', (part) => { output += part })
  const where = await running(server)
  async function lines (): Promise<Line[]> {
    const end = server.stdout && once(server.stdout, 'end')
    t.equal(await stop(server, 'SIGTERM'), 0)
    await end
    return output.trim().split('\n').map((line) => JSON.parse(line))
  }
  return { where, lines }
}

/** A summary of the log lines of one ActivityId. */
function story (lines: Line[], activityId: string): string[] {
  return lines.filter((line) => line.activityId === activityId).map(({ msg, req, res, jobInstanceId }) =>
    [msg, req?.method, req?.url.replace(/.*\//, ''), res?.statusCode, jobInstanceId].filter(Boolean).join(' '))
}

async function tellsTheStoryOfEachJob (t: Test, where: Running, lines: () => Promise<Line[]>): Promise<void> {
  const [completing, failing, cancelled, refused] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
  const client = (activityId: string, headers = {}) => new WorkloadClient(where, { activityid: activityId, ...headers })

  t.equal(await client(completing).create(completing, { seconds: 0.5 }), 202)
  t.match(await client(completing).end(completing), { status: 'Completed' })
  t.equal(await client(failing).create(failing, { seconds: 0.1, fail: true }), 202)
  t.match(await client(failing).end(failing), { status: /^(?:Failed|Completed)$/ })
  t.equal(await client(cancelled).create(cancelled, { seconds: 60 }), 202)
  await client(cancelled).isInProgress(cancelled)
  t.match(await client(cancelled).cancel(cancelled), { status: 200, body: { status: 'Cancelled' } })
  t.match(await client(refused, { authorization: 'Bearer x' }).state(completing), { status: 401 })

  const log = await lines()
  const ofCompleting = story(log, completing)
  t.equal(ofCompleting[0], `incoming request POST ${completing}`)
  for (const line of [
    'request completed 202', `incoming request GET ${completing}`, 'request completed 200',
    `Job started ${completing}`, `Job completed ${completing}`
  ]) t.ok(ofCompleting.includes(line), line)
  t.ok(story(log, failing).includes(`Job failed ${failing}`))
  t.ok(story(log, cancelled).includes('incoming request POST cancel'))
  t.ok(story(log, cancelled).includes(`Job stopped ${cancelled}`))
  t.ok(story(log, refused).includes('SubjectAndApp authentication refused'))

  const ofRequests = log.filter(({ reqId }) => reqId !== undefined)
  t.same(ofRequests.filter(({ activityId, req }) => activityId === undefined && req?.url.includes('/instances/')), [])
  t.same(log.filter(({ jobInstanceId, activityId }) => jobInstanceId !== undefined && activityId === undefined), [])
}

const engines: Array<[name: string, command: string[], settings: (t: Test) => Promise<Record<string, string>>, skip: false | string]> = [
  ['the embedded engine', ['dist/examples/server.js'], async () => ({}), false],
  ['PostgreSQL', ['dist/examples/server.js'], async (t) => ({ DATABASE_URL: await newDatabase(t) }), await skipWithout('PostgreSQL', DATABASE_URL)],
  ['Redis', ['dist/examples/bullmq.js'], async () => ({ REDIS_URL: redisDatabase(3) }), await skipWithout('Redis', REDIS_URL)]
]
for (const [name, command, settings, skip] of engines) {
  t.test(`With ${name}, a search for an ActivityId in the log finds the create, the polls, the run and the end of the job`, { skip },
    async (t) => {
      const { where, lines } = await logging(t, await settings(t), command)
      await tellsTheStoryOfEachJob(t, where, lines)
    })
}
