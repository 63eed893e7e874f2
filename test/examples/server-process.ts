import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/dist\/$/, '')
const OURS = /^(?:HOST|PORT|DATA_DIR|DATABASE_URL|REDIS_URL|LOG_LEVEL|DRAIN_SECONDS|NODE_ENV|FABRIC_.*|ENTRA_.*|npm_.*)$/i

/** How a process is started, unless a test says otherwise. */
export interface Command {
  command?: string[]
  /** Whether it gets a separate process group. */
  detached?: boolean
}

/** Starts the built workload server (`npm run build`) with its data in a folder. */
export function startProcess (
  dataDir: string, settings: Record<string, string> = {}, { command = [process.execPath, 'dist/examples/server.js'], detached = false }: Command = {}
): ChildProcess {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)))
  const [program = '', ...args] = command
  return spawn(program, args, {
    cwd: ROOT,
    env: { ...env, NODE_OPTIONS: '', PORT: '0', DATA_DIR: dataDir, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached
  })
}

/** The line of the log with which a server reports that it listens. */
export interface Running {
  pid: number
  /** The URL of the workload's API. */
  url: string
  /** The URL of the page that simulates Fabric. */
  page: string
  /** The file with the headers of a call. */
  headersFile: string
}

/** Waits until a server listens. Its later output to stdout is dropped unless another reader takes it. */
export async function running ({ stdout }: ChildProcess): Promise<Running> {
  if (stdout === null) throw new Error('no output')
  for await (const line of createInterface(stdout)) {
    if (!line.includes('"msg":"Workload API"')) continue
    // Nothing is left in the pipe, on which the server would wait.
    stdout.resume()
    return JSON.parse(line)
  }
  throw new Error('the server ended without a word')
}

/** @returns its exit code */
export async function stop (server: ChildProcess, signal: NodeJS.Signals): Promise<number> {
  server.kill(signal)
  const [code] = await once(server, 'exit')
  return code
}
