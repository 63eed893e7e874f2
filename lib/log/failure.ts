import type { FastifyReply } from 'fastify'

import { hasClientGone } from '../deadline.js'
import { WorkloadError } from '../errors/workload-error.js'
import { loggableError } from './loggable-error.js'

/** Logs why a response is an error, before it is sent; a 4xx without a cause has told the caller all that there is. */
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

/** Logs what a callback threw when nobody was waiting for it any more. */
export function logLateFailure (reply: FastifyReply, reason: unknown, when: string): void {
  safely(() => reply.log.warn({ err: loggableError(reason) }, `The callback failed ${when}`))
}

/** A logger of the host may throw, in a serializer or a mixin; the response must not depend on it. */
function safely (log: () => void): void {
  try {
    log()
  } catch {
    // There is no logger to tell.
  }
}
