import type { Queue } from 'bullmq'
import type { FastifyBaseLogger } from 'fastify'

import type { JobInstance } from '../callbacks.js'
import { askEngine, type EngineOptions } from './ask-engine.js'

/** The methods of a `Queue` that reading and cancelling a job needs. */
export type BullmqReader = Pick<Queue, 'getBackend' | 'toKey'>

/** A client of Redis as BullMQ 6 has it, whichever library is below. */
export type RedisClient = Awaited<ReturnType<Queue['getBackend']>['client']>

/** Finds the queue of a job. */
export type QueueFinder<Q> = (job: JobInstance) => Q | undefined

/**
 * The queue, or what finds it, as a function that returns a queue of BullMQ 6 on Redis.
 *
 * @throws {TypeError} if the queue is something else; the returned function throws it for a queue that it finds.
 */
export function queueFinder<Q extends BullmqReader> (queue: Q | QueueFinder<Q>): QueueFinder<Q> {
  if (typeof queue !== 'function') {
    checkQueue(queue)
    return () => queue
  }
  return (job) => {
    const found = queue(job)
    if (found !== undefined) checkQueue(found)
    return found
  }
}

/** @throws {TypeError} if it is not a queue of BullMQ 6 on Redis. */
export function checkQueue (queue: unknown): void {
  if (!hasMethod(queue, 'add')) {
    throw new TypeError(`${PREFIX} queue must be a Queue of BullMQ 6 or a function that returns one, not ${kindOf(queue)}.`)
  }
  if (!hasMethod(queue, 'getBackend')) {
    throw new TypeError(`${PREFIX} queue must be a Queue of BullMQ 6; this one has no getBackend(), as those of BullMQ 5.`)
  }
  const backend = queue.getBackend()
  if (typeof backend !== 'object' || backend === null || !('client' in backend)) {
    throw new TypeError(`${PREFIX} queue must be a Queue on Redis; this one has another backend.`)
  }
}

const PREFIX = 'fastify-fabric-job-state:'

function hasMethod<Name extends string> (value: unknown, name: Name): value is Record<Name, () => unknown> {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function'
}

function kindOf (value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`
}

/** Asks Redis over the connection of a queue; throws 503 `EngineUnavailable` if there is no answer within the timeout. */
export type AskRedis = <T>(
  queue: BullmqReader, question: (client: RedisClient) => Promise<T>, log: FastifyBaseLogger
) => Promise<T>

/** @throws {TypeError} if the timeout is invalid. */
export function askRedis (options: EngineOptions): AskRedis {
  const ask = askEngine(options)

  return (queue, question, log) => {
    let isAnswered = false
    return ask(async () => {
      const client = await connectedClient(queue)
      // The first connection may come hours later, when what has been answered with 503 must not happen any more.
      if (isAnswered) throw new Error('The connection to Redis came after the deadline.')
      return question(client)
    }, log).finally(() => { isAnswered = true })
  }
}

/**
 * Waits for the first connection, as long as it takes; later a lost connection is an error, because ioredis would keep the
 * command until it is back.
 */
export async function connectedClient (queue: BullmqReader): Promise<RedisClient> {
  const client = await queue.getBackend().client
  if (LOST.has(client.status)) throw new Error(`The connection to Redis is lost (${client.status}).`)
  return client
}

const LOST = new Set(['close', 'reconnecting', 'connecting', 'end'])

/** True if the connection has been closed for good. */
export async function isClosed (queue: BullmqReader): Promise<boolean> {
  const { status } = await queue.getBackend().client
  return status === 'end'
}
