import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** A database server for one script, on a free port, with its data in a temporary folder. */
export interface Service {
  readonly url: string
  start: () => Promise<void>
  /** Stops it; its data stay. */
  stop: () => Promise<void>
  /** Stops it, and removes its data. */
  remove: () => Promise<void>
}

export async function postgres (): Promise<Service> {
  const bin = process.env.PG_BINDIR ?? newest('/usr/lib/postgresql')
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {}
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  const port = await freePort()

  // Off the event loop: the polls go on meanwhile.
  const run = async (program: string, ...args: string[]) => {
    const child = spawn(join(bin, program), ['-D', folder, ...args], { ...user, cwd: folder, stdio: 'ignore' })
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`${program} ended with ${code}`)
  }
  const settings = `-p ${port} -h 127.0.0.1 -k ${folder} -c max_connections=200`
  const start = async () => {
    await run('pg_ctl', '-W', '-l', join(folder, 'log'), '-o', settings, 'start')
    while (!isReady(bin, port)) await setTimeout(20)
  }
  const stop = () => run('pg_ctl', '-w', '-m', 'fast', 'stop')

  await run('initdb', '-U', 'postgres', '-A', 'trust', '--no-sync')
  await start()
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    start,
    stop,
    async remove () {
      await stop()
      rmSync(folder, { recursive: true })
    }
  }
}

function isReady (bin: string, port: number): boolean {
  try {
    execFileSync(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function newest (folder: string): string {
  const [version] = readdirSync(folder).sort((a, b) => Number(b) - Number(a))
  if (version === undefined) throw new Error('No PostgreSQL found: say where its programs are with PG_BINDIR.')
  return join(folder, version, 'bin')
}

function id (flag: string): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}

export async function redis (): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'))
  const port = await freePort()
  let server: ChildProcess | undefined
  const start = async () => {
    const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
    server = spawn('redis-server', [...where, '--save', '', '--appendonly', 'yes'], { stdio: 'ignore' })
    while (!await isOpen(port)) await setTimeout(20)
  }
  const stop = async () => {
    if (server === undefined) return
    const exit = once(server, 'exit')
    server.kill('SIGTERM')
    await exit
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    async remove () {
      await stop()
      rmSync(folder, { recursive: true })
    }
  }
}

async function isOpen (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
