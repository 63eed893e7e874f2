import { ErrorDetails } from '../../schemas/ErrorDetails.js'
import { checkedCopy } from '../checked-copy.js'

const readErrorDetails = checkedCopy(ErrorDetails)

/** The code of a failure that has none of its own. */
export const JOB_FAILED = 'JobFailed'

/**
 * Tells people why a job failed. What holds the contract's `ErrorDetails`, as a `WorkloadError` does and its copy in an
 * engine, says so in its own words; anything else gets the code `JobFailed` and its message, on one line, without a
 * stack, of at most 1,000 characters.
 *
 * @param failure a thrown value as the engine kept it: an error, its copy as a plain object, its message, or for an
 * engine that keeps no more than a text, what {@link errorDetailsAsText} made of it
 */
export function toErrorDetails (failure: unknown): ErrorDetails {
  const reading = readErrorDetails(typeof failure === 'string' ? parsed(failure) : failure)
  return 'value' in reading
    ? reading.value
    : { errorCode: JOB_FAILED, message: messageOf(failure) || 'The job failed without a message.', source: 'System' }
}

/** The failure of a job that no worker has any more, and that the engine will not give to another. */
export const WORKER_LOST: ErrorDetails = {
  errorCode: 'JobWorkerLost',
  message: 'The job was lost: the worker that ran it stopped.',
  source: 'System',
  isPermanent: false
}

/** A failure as a text that {@link toErrorDetails} reads without loss: JSON. */
export function errorDetailsAsText (failure: unknown): string {
  return JSON.stringify(toErrorDetails(failure))
}

function parsed (text: string): unknown {
  try {
    return text.startsWith('{') ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}

function messageOf (failure: unknown): string {
  if (typeof failure === 'string') return oneLine(failure)
  const message = typeof failure === 'object' && failure !== null && 'message' in failure ? failure.message : undefined
  return typeof message === 'string' ? oneLine(message) : ''
}

const LONGEST_MESSAGE = 1_000
/** The first frame of a stack, and all that follows it. */
const STACK = /\n[ \t]*at [^\n]*(?::\d+:\d+|<anonymous>|native)[^]*$/
const HALF_A_CHARACTER = /[\uD800-\uDBFF]$/

function oneLine (text: string): string {
  // Whatever is cut off here is far beyond the longest message: half a stack frame cannot stay behind.
  const line = text.slice(0, 10 * LONGEST_MESSAGE).replace(STACK, '').replace(/[\p{Cc}\s]+/gu, ' ').trim()
  return line.length <= LONGEST_MESSAGE
    ? line
    : `${line.slice(0, LONGEST_MESSAGE - 1).replace(HALF_A_CHARACTER, '')}…`
}
