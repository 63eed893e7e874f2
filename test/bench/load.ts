import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks'

import { type Answer, Client } from './client.js'

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
  /** Whether the generator sleeps while it waits; default: false. */
  mayDoze?: boolean
  /** What every answer has to be; anything else ends the run. */
  statusCode: number
  /** Is awaited when all connections are there and nothing has been sent yet. */
  onConnected?: () => Promise<void>
}

/** What came of it. */
export interface Outcome {
  responses: number
  seconds: number
  /** For how much of that there was nothing to send and no answer to read. */
  idle: number
  /** From when a request was due until its whole answer was there, in nanoseconds. */
  latency: RecordableHistogram
}

/** Sends requests and waits for all of their answers. */
export async function generateLoad (load: Load): Promise<Outcome> {
  const { port, requests, connections, statusCode } = load
  const latency = createHistogram()
  const clients = await connectClients(port, connections)
  await load.onConnected?.()
  const questions = requests.map((bytes) => ({ bytes }))
  const begin = performance.now()
  let sent = 0
  let idle = 0
  try {
    idle = await sendQuestions(clients, {
      ...load,
      next: () => questions[sent++ % questions.length],
      onAnswer (answer, _, milliseconds) {
        if (answer.statusCode !== statusCode) throw new Error(`The answer was ${answer.statusCode}, not ${statusCode}`)
        latency.record(Math.max(1, Math.round(milliseconds * 1e6)))
      }
    })
  } finally {
    clients.forEach((client) => client.close())
  }
  return { responses: latency.count, seconds: (performance.now() - begin) / 1000, idle: idle / 1000, latency }
}

/** A request that is whole. */
export interface Question {
  bytes: Buffer
}

/** What is sent over connections that are there, and what is done with the answers. */
export interface Sending<Q extends Question> extends Pick<Load, 'seconds' | 'atLeast' | 'mayDoze'> {
  /** As a load's; or what it is after so many milliseconds. */
  rate?: number | ((elapsed: number) => number)
  next: () => Q | undefined
  /** Is told how long it took, in milliseconds from when the request was due; what it throws ends the run. */
  onAnswer: (answer: Answer, question: Q, milliseconds: number) => void
}

/** Opens keep-alive connections. */
export function connectClients (port: number, connections: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: connections }, () => Client.connect(port)))
}

/**
 * Sends requests over connections, and waits for all of their answers. Unless it may, it never sleeps meanwhile: the
 * server would pay for waking it up, the more often the slower it is, and seem even slower.
 *
 * @returns for how long there was nothing to do, in milliseconds
 */
export function sendQuestions<Q extends Question> (clients: readonly Client[], sending: Sending<Q>): Promise<number> {
  const { seconds, atLeast = 0, rate, mayDoze = false, next, onAnswer } = sending
  const wait = mayDoze ? (callback: () => void) => { setTimeout(callback, 1) } : setImmediate
  const free = [...clients]
  const begin = performance.now()
  const end = begin + seconds * 1000

  return new Promise((resolve, reject) => {
    let due = begin
    let sent = 0
    let hasFailed = false
    let answered = 0
    let idle = 0
    let lookedAt = begin
    const loop = performance.eventLoopUtilization()
    const isOver = (time: number) => hasFailed || (time >= end && sent >= atLeast)

    function fail (error: unknown) {
      hasFailed = true
      reject(error)
    }

    function sendWhatIsDue () {
      const now = performance.now()
      if (rate === undefined) due = now
      while (due <= now && !isOver(due)) {
        // Each in its turn: the server ends a connection that is not used for a while.
        const client = free.shift()
        if (client === undefined) return
        send(client, due)
        if (rate !== undefined) due += 1000 / (typeof rate === 'number' ? rate : rate(due - begin))
      }
    }

    function send (client: Client, due: number) {
      const question = next()
      if (question === undefined) return fail(new RangeError('There is no request to send'))
      sent++
      client.send(question.bytes, (error, answer) => {
        if (answer === undefined) return fail(error)
        answered++
        const now = performance.now()
        try {
          onAnswer(answer, question, now - due)
        } catch (error) {
          return fail(error)
        }
        free.push(client)
        if (!isOver(now)) sendWhatIsDue()
      })
    }

    // Timers count whole milliseconds, too; what is due meanwhile would come in bursts.
    function keepTime () {
      if (hasFailed) return
      if (answered === 0) idle += performance.now() - lookedAt
      answered = 0
      sendWhatIsDue()
      lookedAt = performance.now()
      if (!isOver(lookedAt) || free.length < clients.length) wait(keepTime)
      else resolve(mayDoze ? performance.eventLoopUtilization(loop).idle : idle)
    }

    keepTime()
  })
}
