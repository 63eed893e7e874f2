import { performance } from 'node:perf_hooks'

import type { Answer, Client } from '../bench/client.js'

/** A request that is whole. */
export interface Question {
  bytes: Buffer
}

/** Requests to send over open connections, and the handler of their responses. */
export interface Sending<Q extends Question> {
  /** For how long requests are sent. */
  seconds: number
  /**
   * Requests a second, or what that is after so many milliseconds. Left out, each connection sends its next request as
   * soon as it has its answer.
   */
  rate?: number | ((elapsed: number) => number)
  next: () => Q | undefined
  /** Gets the duration in milliseconds from when the request was due; an error that it throws ends the run. */
  onAnswer: (answer: Answer, question: Q, milliseconds: number) => void
}

/**
 * Sends requests over connections, and waits for all of their answers. It never sleeps meanwhile: the server would pay for
 * waking it up, the more often the slower it is, and seem even slower.
 */
export function sendQuestions<Q extends Question> (clients: readonly Client[], sending: Sending<Q>): Promise<void> {
  const { seconds, rate, next, onAnswer } = sending
  const free = [...clients]
  const begin = performance.now()
  const end = begin + seconds * 1000

  return new Promise((resolve, reject) => {
    let due = begin
    let hasFailed = false
    const isOver = (time: number) => hasFailed || time >= end

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
      if (question === undefined) return fail(new RangeError('No request to send'))
      client.send(question.bytes, (error, answer) => {
        if (answer === undefined) return fail(error)
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
      sendWhatIsDue()
      if (!isOver(performance.now()) || free.length < clients.length) setImmediate(keepTime)
      else resolve()
    }

    keepTime()
  })
}
