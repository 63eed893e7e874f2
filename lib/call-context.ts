import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'

import type { JobStateContext } from './callbacks.js'
import { LazySignal, type TimedCall } from './deadline.js'
import { correlationIds } from './log/correlation-ids.js'
import { logLateFailure } from './log/failure.js'
import type { Caller } from './subject-and-app/caller.js'

/** The context of one call of a callback. Costly parts are created on first access. */
export class CallContext extends LazySignal implements JobStateContext, TimedCall {
  readonly request: FastifyRequest
  readonly caller: Caller | undefined

  constructor (reply: FastifyReply, caller: Caller | undefined) {
    super(reply)
    this.request = reply.request
    this.caller = caller
  }

  get log (): FastifyBaseLogger {
    return this.request.log
  }

  get activityId (): string | undefined {
    return correlationIds(this.request.headers).activityId
  }

  get requestId (): string | undefined {
    return correlationIds(this.request.headers).fabricRequestId
  }

  failLate (reason: unknown): void {
    logLateFailure(this, reason, 'after its deadline')
  }
}
