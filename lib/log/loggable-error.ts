import { isNativeError } from 'node:util/types'

import { propertyOf } from '../own-properties.js'
import { redactTokens } from './redact-tokens.js'

/** The parts of an error that may be logged. */
export interface LoggableError {
  name: string
  message: string
  stack?: string
  code?: string | number
  statusCode?: number
  cause?: LoggableError
  errors?: LoggableError[]
}

/**
 * Describes any thrown value for the log: name, message, stack, code and causes only, because errors of HTTP clients
 * contain the failed request with its headers. Text that looks like a token is replaced. It never throws.
 */
export function loggableError (thrown: unknown): LoggableError {
  try {
    return describe(thrown, DEEPEST_CAUSE)
  } catch {
    return { name: 'Error', message: 'What was thrown cannot be read: a getter or a proxy of it threw.' }
  }
}

const DEEPEST_CAUSE = 5
const MOST_ERRORS = 5

function describe (error: unknown, depth: number): LoggableError {
  // An error of another realm (node:vm) is not an instance of this realm's Error.
  if (!(error instanceof Error || isNativeError(error))) return notAnError(error)
  const described: LoggableError = { name: text(error.name), message: text(error.message) }
  // Without a prototype, pino logs the error's name as its type.
  Object.setPrototypeOf(described, null)
  if (error.stack !== undefined) described.stack = text(error.stack)
  const [code, statusCode] = [propertyOf(error, 'code'), propertyOf(error, 'statusCode')]
  if (typeof code === 'string') described.code = text(code)
  if (typeof code === 'number') described.code = code
  if (typeof statusCode === 'number') described.statusCode = statusCode
  if (depth > 0 && Object.hasOwn(error, 'cause')) described.cause = describe(error.cause, depth - 1)
  if (depth > 0 && error instanceof AggregateError) {
    described.errors = error.errors.slice(0, MOST_ERRORS).map((each) => describe(each, depth - 1))
  }
  return described
}

function notAnError (thrown: unknown): LoggableError {
  const isObject = typeof thrown === 'object' && thrown !== null
  const value = isObject ? Object.prototype.toString.call(thrown) : text(thrown).slice(0, 200)
  return { name: 'Error', message: `What was thrown is no Error but a value of type ${typeof thrown}: ${value}` }
}

function text (value: unknown): string {
  return redactTokens(String(value))
}
