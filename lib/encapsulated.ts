import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

// What fastify-plugin sets on a plugin, and Fastify reads.
const SKIP_OVERRIDE = Symbol.for('skip-override')
const DISPLAY_NAME = Symbol.for('fastify.display-name')

/**
 * Makes a plugin that serves its routes in a scope of its own, under its prefix, however a host registers it: directly, wrapped
 * by `fastify-plugin`, or by a loader that does not encapsulate.
 *
 * The plugin that a host gets has no scope, so that a wrapper can take none away; it registers a named plugin that has one. It
 * has no name either: `@fastify/autoload` keeps only one of two files whose plugins have the same name.
 */
export function encapsulated<Options extends object> (
  name: string, serve: (app: FastifyInstance, options: Options) => void
): FastifyPluginAsync<Options> {
  const scoped = fastifyPlugin(async (app: FastifyInstance, options: Options) => serve(app, options), {
    name, fastify: '5.x', encapsulate: true
  })
  const plugin: FastifyPluginAsync<Options> = async (app, options) => {
    // A wrapper that encapsulates has a scope, and Fastify has given it the prefix.
    const hasPrefix = Reflect.get(plugin, SKIP_OVERRIDE) === false
    await app.register(scoped, hasPrefix ? { ...options, prefix: '' } : options)
  }
  return Object.assign(plugin, { [SKIP_OVERRIDE]: true, [DISPLAY_NAME]: name })
}
