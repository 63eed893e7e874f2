import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks'

/** What to ask of a server. */
export interface Load {
  port: number
  /** Whole requests, sent one after the other and then again from the first. */
  requests: readonly Buffer[]
  /** Keep-alive connections, each with one request in flight at most. */
  connections: number
  /** For how long requests are sent, … */
  seconds: number
  /** … and how many at least; default: 0. */
  atLeast?: number
  /** Requests a second. Left out, each connection sends its next request as soon as it has its answer. */
  rate?: number
  /** What every answer has to be; anything else ends the run. */
  statusCode: number
  /** Is awaited when all connections are open and nothing has been sent yet. */
  onConnected?: () => Promise<void>
}

/** What came of it. */
export interface Outcome {
  responses: number
  seconds: number
  /** From when a request was due until its whole answer was there, in nanoseconds. */
  latency: RecordableHistogram
}

/** Sends requests and waits for all of their answers. */
export async function generateLoad (load: Load): Promise<Outcome> {
  const { port, requests, connections, seconds, atLeast = 0, rate, statusCode, onConnected } = load
  const latency = createHistogram()
  const idle = await Promise.all(Array.from({ length: connections }, () => Client.connect(port)))
  const clients = [...idle]
  await onConnected?.()
  const interval = rate === undefined ? 0 : 1000 / rate
  const begin = performance.now()
  const end = begin + seconds * 1000

  await new Promise<void>((resolve, reject) => {
    let due = begin
    let sent = 0
    const isOver = (time: number) => time >= end && sent >= atLeast

    function sendWhatIsDue () {
      const now = performance.now()
      if (rate === undefined) due = now
      while (due <= now && !isOver(due)) {
        const client = idle.pop()
        if (client === undefined) return
        send(client, due)
        due += interval
      }
    }

    function send (client: Client, due: number) {
      const request = requests[sent++ % requests.length]
      if (request === undefined) return reject(new RangeError('There is no request to send'))
      client.send(request, (error, answered) => {
        if (error !== undefined) return reject(error)
        if (answered !== statusCode) return reject(new Error(`The answer was ${answered}, not ${statusCode}`))
        const now = performance.now()
        latency.record(Math.max(1, Math.round((now - due) * 1e6)))
        idle.push(client)
        if (!isOver(now)) sendWhatIsDue()
        else if (idle.length === connections) resolve()
      })
    }

    // Timers count whole milliseconds; what is due meanwhile would come in bursts.
    function keepTime () {
      sendWhatIsDue()
      if (!isOver(performance.now())) setImmediate(keepTime)
      else if (idle.length === connections) resolve()
    }

    if (rate === undefined) sendWhatIsDue()
    else keepTime()
  }).finally(() => clients.forEach((client) => client.close()))

  return { responses: latency.count, seconds: (performance.now() - begin) / 1000, latency }
}

type OnAnswer = (error: Error | undefined, statusCode?: number) => void

/** One keep-alive connection. It reads no more of an answer than where it ends. */
class Client {
  readonly #socket: Socket
  #received: Buffer | undefined
  #onAnswer: OnAnswer = () => {}

  static async connect (port: number): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new Client(socket)
  }

  constructor (socket: Socket) {
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
    const isWhole = headEnd >= 0 && received.length >= headEnd + 4 + length
    this.#received = isWhole ? undefined : received
    if (isWhole) this.#onAnswer(undefined, Number(head.slice(9, 12)))
  }
}
