import { spawnSync, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { watch } from 'node:fs/promises'

import t from 'tap'

import { running, startProcess } from './server-process.js'
import { WorkloadClient } from './workload-client.js'

// Each start opens an embedded PostgreSQL, which takes many seconds on a busy machine.
t.setTimeout(600_000)

// --ignore-scripts leaves out `prestart`, the build, which exists.
const npmStart = ['npm', 'start', '--ignore-scripts']
const node = [process.execPath, 'dist/examples/server.js']

/** Sends a signal to the process that was started, or to all processes of its group, as Ctrl+C does. */
const toProcess = (started: ChildProcess, signal: NodeJS.Signals) => started.kill(signal)
const toGroup = (started: ChildProcess, signal: NodeJS.Signals) => process.kill(-Number(started.pid), signal)

const ways: Array<[name: string, command: string[], send: typeof toProcess]> = [
  ['npm start', npmStart, toProcess],
  ['the process group of npm start', npmStart, toGroup],
  ['node dist/examples/server.js', node, toProcess]
]

for (const [name, command, send] of ways) {
  t.test(`SIGTERM and SIGINT to ${name} end the server with exit code 0, and the next start completes its job`, async (t) => {
    const dataDir = t.testdir()
    const id = randomUUID()
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const started = startProcess(dataDir, {}, { command, detached: true })
      t.teardown(() => kill(-Number(started.pid)))
      const where = await running(started)
      const client = new WorkloadClient(where)
      if (signal === 'SIGTERM') t.equal(await client.create(id, { seconds: 6 }), 202)
      await client.isInProgress(id)

      const exit = once(started, 'exit')
      send(started, signal)
      t.same(await exit, [0, null], signal)
      t.equal(isRunning(where.pid), false, `${signal} leaves no orphan`)
    }

    const next = startProcess(dataDir)
    t.teardown(() => next.kill('SIGKILL'))
    t.match(await new WorkloadClient(await running(next)).end(id), { status: 'Completed' })
  })
}

function isRunning (pid: number): boolean {
  // A zombie counts as ended: its parent may not have read its exit code yet.
  return /^[^Z]/.test(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim())
}

function kill (pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

t.test('SIGTERM while the server opens its engine ends it with exit code 0', async (t) => {
  const dataDir = t.testdir()
  const changes = watch(dataDir)
  const started = startProcess(dataDir)
  t.teardown(() => started.kill('SIGKILL'))
  const exit = once(started, 'exit')
  // It writes this file first.
  for await (const { filename } of changes) if (filename === 'fabric-headers') break
  started.kill('SIGTERM')
  t.same(await exit, [0, null])
})
