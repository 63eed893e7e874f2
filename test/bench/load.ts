import type { Answer, Client } from './client.js'

/** The requests to send, and for how long. */
export interface Load {
  /** The next request to send. */
  next: () => Buffer
  /** The status code that every response must have; any other ends the run. */
  statusCode: number
  /** How long requests are sent. */
  seconds: number
  /** How many are sent at least, however long that takes; default: 0. */
  atLeast?: number
}

/** The responses that were received, and how long that took. */
export interface Outcome {
  responses: number
  seconds: number
}

/** Sends requests over all connections; each sends its next request as soon as it has received a response. */
export async function generateLoad (clients: readonly Client[], { next, statusCode, seconds, atLeast = 0 }: Load): Promise<Outcome> {
  const begin = performance.now()
  const end = begin + seconds * 1000
  let sent = 0

  async function loadOne (client: Client): Promise<void> {
    while (performance.now() < end || sent < atLeast) {
      sent++
      const answer = await ask(client, next())
      if (answer.statusCode !== statusCode) throw new Error(`Expected ${statusCode}, received: ${answer.head}\n\n${answer.body}`)
    }
  }

  await Promise.all(clients.map(loadOne))
  return { responses: sent, seconds: (performance.now() - begin) / 1000 }
}

function ask (client: Client, request: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    client.send(request, (error, answer) => answer === undefined ? reject(error) : resolve(answer))
  })
}
