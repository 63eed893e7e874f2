import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/dist\/$/, '')
const OURS = /^(?:HOST|PORT|DATA_DIR|DATABASE_URL|LOG_LEVEL|FABRIC_|ENTRA_)/

/** Starts the built workload server (`npm run build`) with its data in a folder. */
export function startProcess (dataDir: string, settings: Record<string, string> = {}): ChildProcess {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)))
  return spawn(process.execPath, ['dist/examples/server.js'], {
    cwd: ROOT,
    env: { ...env, NODE_OPTIONS: '', PORT: '0', DATA_DIR: dataDir, ...settings },
    stdio: ['ignore', 'pipe', 'pipe']
  })
}

/** Waits until a server prints a line that matches the pattern, and returns the text of its first group. */
export async function said (server: ChildProcess, form: RegExp): Promise<string> {
  if (server.stdout === null) throw new Error('no output')
  for await (const line of createInterface(server.stdout)) {
    const [, found] = form.exec(line) ?? []
    if (found !== undefined) return found
  }
  throw new Error('the server ended without a word')
}

/** @returns its exit code */
export async function stop (server: ChildProcess, signal: NodeJS.Signals): Promise<number> {
  server.kill(signal)
  const [code] = await once(server, 'exit')
  return code
}
