import { setMaxListeners } from 'node:events'
import { Http2ServerResponse } from 'node:http2'

import type { FastifyReply } from 'fastify'

import { callbackTimedOut } from './errors/failures.js'

/** A call whose time is limited by {@link Deadline.run}. */
export interface TimedCall {
  /** Called at the deadline, with the error that `run` rejects with. */
  abort: (error: Error) => void
  /** Called when the work has settled, also after its deadline. */
  finish: () => void
  /** Called with the reason if the work rejects after its deadline. */
  failLate: (reason: unknown) => void
}

interface Pending {
  readonly call: TimedCall
  /** On the clock of `performance.now()`, in milliseconds. */
  readonly expires: number
  readonly reject: (error: unknown) => void
  isLate: boolean
}

/**
 * Limits the time of callbacks. All have the same timeout, so their deadlines pass in the order in which they were set, and
 * one timer serves them all: a timer for each request would be a large part of a poll's CPU time.
 */
export class Deadline {
  readonly #timeout: number
  readonly #pending = new Set<Pending>()
  #timer: NodeJS.Timeout | undefined

  /** @param timeout in milliseconds; 0 = no deadline */
  constructor (timeout: number) {
    this.#timeout = timeout
  }

  /** Runs work, and settles with its result, or rejects with a 504 at the deadline. */
  run<T> (work: () => T | PromiseLike<T>, call: TimedCall): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending = { call, expires: performance.now() + this.#timeout, reject, isLate: false }
      this.#add(pending)
      this.#settle(pending, work, resolve)
    })
  }

  async #settle<T> (pending: Pending, work: () => T | PromiseLike<T>, resolve: (result: T) => void): Promise<void> {
    try {
      resolve(await work())
    } catch (reason) {
      if (pending.isLate) pending.call.failLate(reason)
      else pending.reject(reason)
    } finally {
      this.#delete(pending)
      pending.call.finish()
    }
  }

  #add (pending: Pending): void {
    if (this.#timeout === 0) return
    this.#pending.add(pending)
    this.#timer ??= setTimeout(() => this.#expire(), this.#timeout)
    if (this.#pending.size === 1) this.#timer.ref()
  }

  /** Keeps the timer for the next request; without pending work it does not keep the process alive. */
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
      const error = callbackTimedOut(this.#timeout)
      pending.isLate = true
      pending.call.abort(error)
      pending.reject(error)
    }
  }
}

/**
 * The `signal` of one request: aborted at the deadline and when the client disconnects. The `AbortController` is created on
 * first access, because it costs more CPU time than all the rest of a request.
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

  /** Aborts the signal, unless the request has ended. */
  abort (reason: Error): void {
    if (this.#isOver) return
    this.#reason = reason
    this.finish()
    this.#controller?.abort(reason)
  }

  /** Ends the request: the signal is not aborted any more. */
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
    // The response of a pipelined request has no socket until its turn, and so does not emit 'close'.
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

/** True if the client closed the connection, or the stream of an HTTP/2 request, before it received the response. */
export function hasClientGone ({ raw, request }: { raw: FastifyReply['raw'] | Http2ServerResponse, request: FastifyReply['request'] }): boolean {
  if (raw instanceof Http2ServerResponse) return raw.stream.destroyed
  return raw.destroyed || (raw.socket === null && request.raw.socket.destroyed)
}
