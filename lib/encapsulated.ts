import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

// Properties that fastify-plugin sets on a plugin and Fastify reads.
const SKIP_OVERRIDE = Symbol.for('skip-override')
const DISPLAY_NAME = Symbol.for('fastify.display-name')

/**
 * Makes a plugin that serves its routes in a separate scope, under its prefix, however a host registers it: directly, wrapped
 * by `fastify-plugin`, or by a loader that does not encapsulate.
 *
 * The plugin that a host gets is not encapsulated, so a wrapper cannot remove its scope; it registers a named plugin that is
 * encapsulated. It has no plugin name: `@fastify/autoload` keeps only one of two files whose plugins have the same name.
 */
export function encapsulated<Options extends object> (
  name: string, serve: (app: FastifyInstance, options: Options) => void
): FastifyPluginAsync<Options> {
  const scoped = fastifyPlugin(async (app: FastifyInstance, options: Options) => serve(app, options), {
    name, fastify: '5.x', encapsulate: true
  })
  const plugin: FastifyPluginAsync<Options> = async (app, options) => {
    // After a wrapper that encapsulates, Fastify has applied the prefix already.
    const hasPrefix = Reflect.get(plugin, SKIP_OVERRIDE) === false
    await app.register(scoped, hasPrefix ? { ...options, prefix: '' } : options)
  }
  return Object.assign(plugin, { [SKIP_OVERRIDE]: true, [DISPLAY_NAME]: name })
}
