import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** A database server of the script's own, on a port and in a folder of its own; nobody else's is touched. */
export interface Service {
  readonly url: string
  start: () => Promise<void>
  /** Stops it as a restart of the machine would: its data stay. */
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
  execFileSync(join(bin, 'initdb'), ['-D', folder, '-U', 'postgres', '-A', 'trust', '--no-sync'], { ...user, cwd: folder, stdio: 'ignore' })

  const pgCtl = (...args: string[]) => execFileSync(join(bin, 'pg_ctl'), ['-D', folder, '-w', ...args], { ...user, cwd: folder, stdio: 'ignore' })
  const start = async () => {
    pgCtl('-l', join(folder, 'log'), '-o', `-p ${port} -h 127.0.0.1 -k ${folder} -c max_connections=200`, 'start')
  }
  // Off the event loop: the polls go on meanwhile.
  const stop = async () => {
    const [code] = await once(spawn(join(bin, 'pg_ctl'), ['-D', folder, '-w', '-m', 'fast', 'stop'], { ...user, cwd: folder, stdio: 'ignore' }), 'exit')
    if (code !== 0) throw new Error(`pg_ctl stop: ${code}`)
  }
  await start()
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async start () {
      spawn(join(bin, 'pg_ctl'), ['-D', folder, '-W', '-l', join(folder, 'log'), '-o', `-p ${port} -h 127.0.0.1 -k ${folder} -c max_connections=200`, 'start'],
        { ...user, cwd: folder, stdio: 'ignore' })
      while (!isReady(bin, port)) await setTimeout(20)
    },
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
    server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'], { stdio: 'ignore' })
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
