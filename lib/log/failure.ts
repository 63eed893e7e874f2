import type { FastifyReply } from 'fastify'

import { hasClientGone } from '../deadline.js'
import { WorkloadError } from '../errors/workload-error.js'
import { loggableError } from './loggable-error.js'

/** Logs why a response is an error, before it is sent. A 4xx without a cause is not logged: its body says all of it. */
export function logFailure (reply: FastifyReply, error: unknown, statusCode: number): void {
  const { log } = reply
  safely(() => {
    if (hasClientGone(reply)) {
      log.info({ err: loggableError(error) }, 'The client closed the connection before the response')
    } else if (statusCode >= 500) {
      log.error({ err: loggableError(error) }, 'The request failed')
    } else if (!(error instanceof WorkloadError) || Object.hasOwn(error, 'cause')) {
      log.info({ err: loggableError(error) }, 'The request was refused')
    }
  })
}

/** Logs an error that a callback threw after its response was sent or its deadline had passed. */
export function logLateFailure ({ log }: Pick<FastifyReply, 'log'>, reason: unknown, when: string): void {
  safely(() => log.warn({ err: loggableError(reason) }, `The callback failed ${when}`))
}

/** The host's logger may throw, in a serializer or a mixin; the response must not depend on it. */
function safely (log: () => void): void {
  try {
    log()
  } catch {
    // The logger itself failed, so the error cannot be logged.
  }
}
