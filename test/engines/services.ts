import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export const DATABASE_URL = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test'
export const REDIS_URL = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'

/** The URL of another database of Redis than 0: workers of other tests would take jobs from a shared queue. */
export const redisDatabase = (number: number): string => new URL(`/${number}`, REDIS_URL).href

/**
 * The option `skip` of a test that needs a service: a reason if nothing listens there. With `CI=true` the test runs, and
 * fails.
 */
export async function skipWithout (service: string, url: string): Promise<false | string> {
  if (process.env.CI === 'true' || await isListening(url)) return false
  return `no ${service} at ${host(url)}`
}

async function isListening (url: string): Promise<boolean> {
  const socket = connectTo(url)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

const host = (url: string) => new URL(url).host

function connectTo (url: string): Socket {
  const { hostname, port, protocol } = new URL(url)
  return connect({ host: hostname, port: Number(port) || (protocol === 'redis:' ? 6379 : 5432) })
}

/** A proxy between a client and its service, which can interrupt their connection. */
export class Proxy {
  readonly #target: string
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0
  #isSilent = false

  constructor (target: string) {
    this.#target = target
  }

  /** The address of the service through the proxy. */
  get url (): string {
    const url = new URL(this.#target)
    url.hostname = '127.0.0.1'
    url.port = String(this.#port)
    return url.href
  }

  /** Accepts connections; after {@link stop}, on the same port. */
  async start (): Promise<void> {
    this.#isSilent = false
    this.#server = createServer((client) => this.#connect(client)).listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Breaks all connections and refuses new ones. */
  async stop (): Promise<void> {
    const closed = this.#server && once(this.#server, 'close')
    this.#server?.close()
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Keeps all connections open, and forwards nothing from now on. */
  silence (): void {
    this.#isSilent = true
  }

  #connect (client: Socket): void {
    const service = connectTo(this.#target)
    for (const [from, to] of [[client, service], [service, client]] as const) {
      this.#sockets.add(from)
      from.on('data', (chunk) => { if (!this.#isSilent) to.write(chunk) })
      from.on('error', () => {})
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
