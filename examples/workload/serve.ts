import Fastify, { type FastifyInstance } from 'fastify'

import { commandsToCopy } from './commands.js'
import { readSettings, SettingError, type Settings } from './settings.js'

/** Stops what runs, and resolves when it has ended. */
export type Stop = () => Promise<void>

/**
 * Starts a server with the settings of the environment, and stops it at SIGTERM and SIGINT. A setting that keeps it from
 * starting ends the process with one line on stderr and exit code 1.
 */
export async function start (main: (settings: Settings) => Promise<Stop>): Promise<void> {
  let stop: Stop | undefined
  let stopping: Promise<void> | undefined
  for (const signal of ['SIGTERM', 'SIGINT']) {
    // Process 1 of a container ends by a signal only if it handles it, also while it starts.
    process.on(signal, () => { stop === undefined ? process.exit(0) : stopping ??= stop() })
  }
  try {
    stop = await main(readSettings(process.env, process.stdout.isTTY))
  } catch (error) {
    if (!(error instanceof SettingError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

/** A Fastify for a workload: long names of job types pass, and polls that come while it closes are still answered. */
export function createServer ({ logLevel }: Pick<Settings, 'logLevel'>): FastifyInstance {
  return Fastify({ logger: { level: logLevel }, routerOptions: { maxParamLength: 256 }, return503OnClosing: false })
}

export interface Serving extends Pick<Settings, 'host' | 'port'> {
  /** The prefix of the workload's API. */
  prefix: string
  /** A file with the headers of a call; undefined where only Fabric has them. */
  headersFile: string | undefined
  /** Where the jobs are stored. */
  store: string
  /** Closed after the server, in this order. */
  close: Stop[]
}

/**
 * Listens, and reports where: with commands to copy on a terminal, as a line of the log elsewhere.
 *
 * @returns what stops the server: polls in flight are answered; a job in progress goes back to its queue, for another server
 * or the next start
 * @throws {SettingError} if it cannot listen there.
 */
export async function serve (app: FastifyInstance, { host, port, prefix, headersFile, store, close }: Serving): Promise<Stop> {
  const address = await app.listen({ host, port }).catch((error: unknown) => { throw listenError(error, host, port) })
  const page = app.hasRoute({ method: 'GET', url: '/' }) ? `${address}/` : undefined
  const running = { url: address + prefix, page, headersFile, store }
  if (process.stdout.isTTY) console.log(commandsToCopy(running))
  else app.log.info(running, 'Workload API')
  return async () => {
    await app.close()
    for (const each of close) await each()
  }
}

function listenError (error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE': return new SettingError(`PORT must be a free port, not ${port}: another process listens there on ${host}.`)
    case 'EACCES': return new SettingError(`PORT must be a port that the server may open, such as 3000, not ${port}.`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND': return new SettingError(`HOST must be an address of this machine, such as 127.0.0.1 or 0.0.0.0, not "${host}".`)
    default: return error
  }
}
