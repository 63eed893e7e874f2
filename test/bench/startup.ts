/** A process that starts once, with the plugin or without, and tells how long that took. */
import { performance } from 'node:perf_hooks'

import Fastify from 'fastify'

import { GetItemJobInstanceState } from '../../schemas/index.js'
import type { Registration } from './contender.js'
import { SAMPLE_STATE } from './sample.js'

/** In milliseconds. */
export interface Startup {
  /** To import the plugin, Fastify being there. */
  import: number
  /** From a new Fastify until it is ready. */
  ready: number
}

const { registration }: { registration: Registration | undefined } = JSON.parse(process.argv[2] ?? '')

const resolveJobState = async () => SAMPLE_STATE

const begin = performance.now()
const plugin = registration === undefined ? undefined : await import('../../lib/index.js')
const imported = performance.now()

const app = Fastify()
if (plugin === undefined || registration === undefined) app.get(GetItemJobInstanceState.url, resolveJobState)
else app.register(plugin.fabricJobState, { resolveJobState, authentication: registration })
await app.ready()

const startup: Startup = { import: imported - begin, ready: performance.now() - imported }
process.send?.(startup)
await app.close()
process.disconnect()
