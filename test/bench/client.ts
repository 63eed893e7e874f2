import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A complete response. */
export interface Answer {
  statusCode: number
  /** The status line and the header lines. */
  head: string
  body: Buffer
}

/** Called with the response, or with the reason why there is none. */
export type OnAnswer = (error: Error | undefined, answer?: Answer) => void

/** A keep-alive connection with at most one request in flight. Of a response's head it parses the status and the length. */
export class Client {
  readonly #socket: Socket
  #received: Buffer | undefined
  #onAnswer: OnAnswer = () => {}

  static async connect (port: number): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new Client(socket)
  }

  private constructor (socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.#onAnswer(error))
    socket.on('close', () => this.#onAnswer(new Error('The server closed the connection')))
  }

  send (request: Buffer, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer
    this.#socket.write(request)
  }

  close (): void {
    this.#onAnswer = () => {}
    this.#socket.destroy()
  }

  #read (chunk: Buffer): void {
    const received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    const headEnd = received.indexOf('\r\n\r\n')
    const head = received.toString('latin1', 0, Math.max(0, headEnd))
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? NaN)
    if (headEnd >= 0 && Number.isNaN(length)) return this.#onAnswer(new Error(`A response without a length: ${head}`))
    const end = headEnd + 4 + length
    const isComplete = headEnd >= 0 && received.length >= end
    this.#received = isComplete ? undefined : received
    if (isComplete) this.#onAnswer(undefined, { statusCode: Number(head.slice(9, 12)), head, body: received.subarray(headEnd + 4, end) })
  }
}

/** Opens keep-alive connections. */
export function connectClients (port: number, connections: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: connections }, () => Client.connect(port)))
}
