import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A whole answer. */
export interface Answer {
  statusCode: number
  /** The status line and the header lines. */
  head: string
  body: Buffer
}

/** Is told the answer, or why there is none. */
export type OnAnswer = (error: Error | undefined, answer?: Answer) => void

/** One keep-alive connection with one request in flight at most. It reads no more of a head than where its body ends. */
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
    if (headEnd >= 0 && Number.isNaN(length)) return this.#onAnswer(new Error(`An answer without a length: ${head}`))
    const end = headEnd + 4 + length
    const isWhole = headEnd >= 0 && received.length >= end
    this.#received = isWhole ? undefined : received
    if (isWhole) this.#onAnswer(undefined, { statusCode: Number(head.slice(9, 12)), head, body: received.subarray(headEnd + 4, end) })
  }
}
