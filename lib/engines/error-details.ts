import { ErrorDetails } from '../../schemas/ErrorDetails.js'
import { checkedCopy } from '../checked-copy.js'

const readErrorDetails = checkedCopy(ErrorDetails)

/** The code of a failure without a code. */
export const JOB_FAILED = 'JobFailed'

/**
 * Describes why a job failed. A failure that conforms to the contract's `ErrorDetails`, as a `WorkloadError` and its copy in
 * an engine do, is described by its own code and message; anything else gets the code `JobFailed` and its message, on one
 * line, without a stack, of at most 1,000 characters.
 *
 * @param failure a thrown value as the engine stored it: an error, its copy as a plain object, its message, or what
 * {@link errorDetailsAsText} made of it, for an engine that stores a text only
 */
export function toErrorDetails (failure: unknown): ErrorDetails {
  const reading = readErrorDetails(typeof failure === 'string' ? parsed(failure) : failure)
  return 'value' in reading
    ? structuredClone(reading.value)
    : { errorCode: JOB_FAILED, message: messageOf(failure) || 'The job failed without a message.', source: 'System' }
}

/** The failure of a job whose worker stopped, and that the engine will not give to another worker. */
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

/** An `AggregateError`, as Node makes of a refused connection, often has no message. */
function messageOf (failure: unknown): string {
  return ownMessage(failure) || oneLine(errorsIn(failure).map(ownMessage).filter((message) => message !== '').join('; '))
}

function ownMessage (failure: unknown): string {
  const message = typeof failure === 'object' && failure !== null && 'message' in failure ? failure.message : failure
  return typeof message === 'string' ? oneLine(message) : ''
}

function errorsIn (failure: unknown): unknown[] {
  return typeof failure === 'object' && failure !== null && 'errors' in failure && Array.isArray(failure.errors)
    ? failure.errors
    : []
}

const LONGEST_MESSAGE = 1_000
/** The first frame of a stack, and all that follows it. */
const STACK = /\n[ \t]*at [^\n]*(?::\d+:\d+|<anonymous>|native)[^]*$/
const characters = new Intl.Segmenter()

function oneLine (text: string): string {
  // What is cut off here is far beyond the longest message, so half a stack frame cannot remain.
  const line = cut(text, 10 * LONGEST_MESSAGE).replace(STACK, '').replace(/[\p{Cc}\s]+/gu, ' ').trim()
    .replace(/\p{Surrogate}/gu, '\uFFFD')
  return line.length <= LONGEST_MESSAGE ? line : `${cut(line, LONGEST_MESSAGE - 1)}…`
}

/** Cuts a text to a length, but never inside what people see as one character. */
function cut (text: string, length: number): string {
  return text.slice(0, characters.segment(text).containing(length)?.index)
}
