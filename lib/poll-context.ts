import { Http2ServerResponse } from 'node:http2'

import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'

import { correlationIds } from './correlation-ids.js'
import type { JobStateContext } from './job-state-resolver.js'
import type { Caller } from './subject-and-app/caller.js'

/** The context of one poll. What costs something is made when it is first asked for. */
export class PollContext implements JobStateContext {
  readonly #reply: FastifyReply
  #controller: AbortController | undefined
  #abortReason: Error | undefined
  #onClose: (() => void) | undefined
  #isOver = false

  constructor (reply: FastifyReply) {
    this.#reply = reply
  }

  get request (): FastifyRequest {
    return this.#reply.request
  }

  get log (): FastifyBaseLogger {
    return this.#reply.log
  }

  get caller (): Caller | undefined {
    return this.request.fabricCaller
  }

  get activityId (): string | undefined {
    return correlationIds(this.request.headers).activityId
  }

  get requestId (): string | undefined {
    return correlationIds(this.request.headers).fabricRequestId
  }

  get signal (): AbortSignal {
    this.#controller ??= this.#watchedController()
    return this.#controller.signal
  }

  /** Tells the resolver, if it listens, that nobody waits for its answer any more. */
  abort (reason: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }

  /** The resolver has settled: from now on there is nothing to abort. */
  finish (): void {
    this.#isOver = true
    if (this.#onClose !== undefined) this.#reply.raw.off('close', this.#onClose)
  }

  #watchedController (): AbortController {
    const controller = new AbortController()
    const { raw } = this.#reply
    const onClose = () => this.abort(new Error('The client closed the connection before the answer.'))
    if (hasClientGone(raw)) onClose()
    if (this.#abortReason !== undefined) controller.abort(this.#abortReason)
    if (!this.#isOver) {
      this.#onClose = onClose
      raw.once('close', onClose)
    }
    return controller
  }
}

/** True once the client has closed the connection, or the stream of an HTTP/2 poll, before it had the answer. */
export function hasClientGone (raw: FastifyReply['raw'] | Http2ServerResponse): boolean {
  return raw instanceof Http2ServerResponse ? raw.stream.destroyed : raw.destroyed
}
