import type { IncomingMessage } from 'node:http'

import type { FastifyBaseLogger, FastifyInstance } from 'fastify'

const LEVELS = ['info', 'warn', 'error'] as const

/** The messages that Fastify logs for every request. */
const ROUTINE = new Set(['incoming request', 'request completed'])

/**
 * Keeps what is logged about each request as long as the request lasts, whatever the server's log level is.
 * What the server itself logs stays the same.
 *
 * @returns the lines that were logged about a request so far
 */
export function keepLogLines (app: FastifyInstance): (request: IncomingMessage) => string[] {
  const linesOf = new WeakMap<IncomingMessage, string[]>()
  const { childLoggerFactory } = app
  app.setChildLoggerFactory((logger, bindings, options, request) => {
    const child = childLoggerFactory.call(app, logger, bindings, options, request)
    const lines: string[] = []
    linesOf.set(request, lines)
    for (const level of LEVELS) tap(child, level, (line) => lines.push(line))
    return child
  })
  return (request) => linesOf.get(request) ?? []
}

function tap (logger: FastifyBaseLogger, level: typeof LEVELS[number], keep: (line: string) => void): void {
  logger[level] = new Proxy(logger[level], {
    apply (log, logger, args: unknown[]) {
      const [details, message] = args
      if (typeof message === 'string' && !ROUTINE.has(message)) keep(line(message, details))
      return Reflect.apply(log, logger, args)
    }
  })
}

/** A message with its details, one per line. */
function line (message: string, details: unknown): string {
  const facts = Object.entries(Object(details)).flatMap(([name, value]) => {
    if (value instanceof Error) return [`${name}: ${value.message}`]
    return typeof value === 'object' ? [] : [`${name}: ${value}`]
  })
  return [message, ...facts].join('\n')
}
