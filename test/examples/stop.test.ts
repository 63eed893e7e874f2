import { spawnSync, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { watch } from 'node:fs/promises'

import t, { type Test } from 'tap'

import { running, startProcess } from './server-process.js'
import { WorkloadClient } from './workload-client.js'

t.setTimeout(180_000)

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
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    t.test(`${signal} to ${name} ends the server with exit code 0, and returns its job to the queue`, async (t) => {
      const dataDir = t.testdir()
      const started = startProcess(dataDir, {}, { command, detached: true })
      t.teardown(() => kill(-Number(started.pid)))
      const where = await running(started)
      t.equal(isRunning(where.pid), true)
      const id = randomUUID()
      const before = new WorkloadClient(where)
      t.equal(await before.create(id, { seconds: 2 }), 202)
      await before.isInProgress(id)

      const exit = once(started, 'exit')
      send(started, signal)
      t.same(await exit, [0, null])
      t.equal(isRunning(where.pid), false, 'no orphan')

      await completesAfterRestart(t, dataDir, id)
    })
  }
}

async function completesAfterRestart (t: Test, dataDir: string, id: string): Promise<void> {
  const again = startProcess(dataDir)
  t.teardown(() => again.kill('SIGKILL'))
  const after = new WorkloadClient(await running(again))
  t.match(await after.end(id), { status: 'Completed' })
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
