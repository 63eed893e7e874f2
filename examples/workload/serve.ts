import Fastify, { type FastifyInstance } from 'fastify'

import { commandsToCopy } from './commands.js'

/** Where the server listens: on this machine alone, unless it is told otherwise. */
export const { HOST = '127.0.0.1', PORT = '3000' } = process.env

/** A Fastify for a workload: long names of job types pass, and polls that come while it closes are still answered. */
export function createServer (): FastifyInstance {
  const { LOG_LEVEL = 'warn' } = process.env
  return Fastify({ logger: { level: LOG_LEVEL }, routerOptions: { maxParamLength: 256 }, return503OnClosing: false })
}

export interface Serving {
  /** Where the workload's API begins. */
  prefix: string
  /** A file with the headers of a call; none where only Fabric has them. */
  headersFile: string | undefined
  /** Where the jobs are kept, in words. */
  store: string
  /** What is closed after the server, one after the other. */
  close: Array<() => Promise<void>>
}

/** Listens on HOST and PORT, says so with commands to copy, and stops at SIGTERM and SIGINT. */
export async function serve (app: FastifyInstance, { prefix, headersFile, store, close }: Serving): Promise<void> {
  /** Polls in flight are answered; a job in progress goes back to its queue, for another server or the next start. */
  const stop = async () => {
    await app.close()
    for (const each of close) await each()
  }
  let stopping: Promise<void> | undefined
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { stopping ??= stop() })

  const address = await app.listen({ host: HOST, port: Number(PORT) })
  const page = app.hasRoute({ method: 'GET', url: '/' }) ? `${address}/` : undefined
  console.log(commandsToCopy({ url: address + prefix, page, headersFile, store }))
}
