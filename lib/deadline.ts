import { setMaxListeners } from 'node:events'
import { Http2ServerResponse } from 'node:http2'

import type { FastifyReply } from 'fastify'

/** What {@link Deadline.run} does when time is up. */
export interface Late {
  /** Is called at the deadline; the caller of `run` gets the error that it returns. */
  onTimeout: () => Error
  /** Is called when the work has settled, also after its deadline. */
  onSettled: () => void
  /** Is called with what the work rejects with after its deadline. */
  onLateRejection: (reason: unknown) => void
}

interface Pending {
  /** By `performance.now()`, in milliseconds. */
  readonly expires: number
  readonly expire: () => void
}

/**
 * Bounds the time of callbacks. All have the same timeout, so their deadlines pass in the order in which they were set, and
 * one timer serves them all: a timer for each request would cost an eighth of a poll's CPU time.
 */
export class Deadline {
  readonly #timeout: number
  readonly #pending = new Set<Pending>()
  #timer: NodeJS.Timeout | undefined

  /** @param timeout in milliseconds; 0 = no deadline */
  constructor (timeout: number) {
    this.#timeout = timeout
  }

  /** Runs work, and settles when it does, at the deadline at the latest. */
  run<T> (work: () => T | PromiseLike<T>, { onTimeout, onSettled, onLateRejection }: Late): Promise<T> {
    return new Promise((resolve, reject) => {
      let isLate = false
      const pending: Pending = {
        expires: performance.now() + this.#timeout,
        expire: () => {
          isLate = true
          reject(onTimeout())
        }
      }
      this.#add(pending)
      settle(work).then((value) => {
        this.#delete(pending)
        onSettled()
        resolve(value)
      }, (reason) => {
        this.#delete(pending)
        onSettled()
        if (isLate) onLateRejection(reason)
        else reject(reason)
      })
    })
  }

  #add (pending: Pending): void {
    if (this.#timeout === 0) return
    this.#pending.add(pending)
    this.#timer ??= setTimeout(() => this.#expire(), this.#timeout)
    if (this.#pending.size === 1) this.#timer.ref()
  }

  /** The timer is left to the next request; while nothing is pending, it does not keep the process alive. */
  #delete (pending: Pending): void {
    this.#pending.delete(pending)
    if (this.#pending.size === 0) this.#timer?.unref()
  }

  #expire (): void {
    this.#timer = undefined
    const now = performance.now()
    for (const pending of this.#pending) {
      if (pending.expires > now) {
        this.#timer = setTimeout(() => this.#expire(), pending.expires - now)
        break
      }
      this.#pending.delete(pending)
      pending.expire()
    }
  }
}

/** Runs work at once, and makes a promise of what it returns or throws. */
async function settle<T> (work: () => T | PromiseLike<T>): Promise<T> {
  return await work()
}

/**
 * The `signal` of one request: aborted at the deadline and when the client disconnects. The `AbortController` is created on
 * first access, because it costs more than everything else about a request.
 */
export class LazySignal {
  readonly #reply: FastifyReply
  #controller: AbortController | undefined
  #reason: Error | undefined
  #stopWatching: (() => void) | undefined
  #isOver = false

  constructor (reply: FastifyReply) {
    this.#reply = reply
  }

  get signal (): AbortSignal {
    this.#controller ??= this.#watchConnection()
    return this.#controller.signal
  }

  /** Aborts the signal, unless the request is over. */
  abort (reason: Error): void {
    if (this.#isOver) return
    this.#reason = reason
    this.finish()
    this.#controller?.abort(reason)
  }

  /** From now on there is nothing to abort. */
  finish (): void {
    this.#isOver = true
    this.#stopWatching?.()
  }

  #watchConnection (): AbortController {
    const controller = new AbortController()
    const { raw, request } = this.#reply
    if (this.#reason !== undefined) controller.abort(this.#reason)
    if (this.#isOver) return controller

    const onClose = () => {
      const reason = clientDisconnected()
      this.abort(reason)
      controller.abort(reason)
    }
    if (hasClientGone(this.#reply)) onClose()
    // A pipelined request has no socket of its own before its turn, and its response would not be told.
    const connection = raw.socket === null ? request.raw.socket : raw
    // A client may pipeline any number of requests.
    if (connection === request.raw.socket) setMaxListeners(0, connection)
    connection.once('close', onClose)
    this.#stopWatching = () => connection.off('close', onClose)
    return controller
  }
}

function clientDisconnected (): Error {
  return new Error('The client closed the connection before the response.')
}

/** True once the client has closed the connection, or the stream of an HTTP/2 request, before it had the response. */
export function hasClientGone ({ raw, request }: { raw: FastifyReply['raw'] | Http2ServerResponse, request: FastifyReply['request'] }): boolean {
  if (raw instanceof Http2ServerResponse) return raw.stream.destroyed
  return raw.destroyed || (raw.socket === null && request.raw.socket.destroyed)
}
