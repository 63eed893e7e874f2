/** A process that starts Fastify once, with the plugin or without, and sends to its parent how long that took. */
import { performance } from 'node:perf_hooks'

import Fastify from 'fastify'

import type { Registration } from './contenders.js'
import { SAMPLE_STATE } from './sample.js'

/** In milliseconds. */
export interface Startup {
  /** The import of the plugin and its dependencies but Fastify; without the plugin nearly 0. */
  import: number
  /** From a new Fastify until it is ready. */
  ready: number
}

const { registration }: { registration?: Registration } = JSON.parse(process.argv[2] ?? '')
const resolveJobState = async () => SAMPLE_STATE

const begin = performance.now()
const plugin = registration && await import('../../lib/index.js')
const imported = performance.now()

const app = Fastify()
if (plugin === undefined || registration === undefined) app.get('/', resolveJobState)
else app.register(plugin.fabricJobState, { resolveJobState, authentication: registration })
await app.ready()

const startup: Startup = { import: imported - begin, ready: performance.now() - imported }
process.send?.(startup)
await app.close()
process.disconnect()
