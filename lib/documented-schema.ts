import { isDeepStrictEqual } from 'node:util'

import type { FastifyInstance } from 'fastify'

import { definitions, GetItemJobInstanceState } from '../schemas/plain.js'

/** Stands before the definitions' names where the host has other schemas of the same names. */
const PREFIX = 'FabricJobState.'

/** The types that TypeBox has for the schema: what lies in it is the same. */
type RouteSchema = typeof import('../schemas/GetItemJobInstanceState.js').GetItemJobInstanceState.schema

/** Servers whose document has the operation already: an operationId stands once in an OpenAPI document. */
const documented = new WeakSet<FastifyInstance['server']>()

/**
 * The route's schema, with the contract's definitions added to the plugin's scope: there `@fastify/swagger` finds them
 * as components.
 */
export function documentedSchema (app: FastifyInstance) {
  const prefix = definitions.some((definition) => isTaken(app, definition)) ? PREFIX : ''
  for (const definition of definitions) {
    if (app.getSchema(`${prefix}${definition.$id}`) === undefined) app.addSchema(renamed(definition, prefix))
  }
  yieldNames(app)

  const { operationId, ...schema }: RouteSchema = renamed(GetItemJobInstanceState.schema, prefix)
  if (documented.has(app.server)) return schema
  documented.add(app.server)
  return { operationId, ...schema }
}

/** True where the host has another schema of that name; the contract's own may well be there, from a parent scope. */
function isTaken (app: FastifyInstance, definition: typeof definitions[number]): boolean {
  const present = app.getSchema(String(definition.$id))
  return present !== undefined && !isDeepStrictEqual(JSON.parse(JSON.stringify(present)), definition)
}

/**
 * Fastify hands what a host adds later down to this scope, and would fail the host where the name is taken here. Nothing
 * but the document reads this scope's schemas, so a name that has its schema keeps it.
 */
function yieldNames (app: FastifyInstance): void {
  const addSchema = app.addSchema.bind(app)
  app.addSchema = (schema: { $id?: string }) => app.getSchema(String(schema.$id)) === undefined ? addSchema(schema) : app
}

/** A copy of a schema, with a prefix before its name and those that it refers to. */
function renamed (schema: object, prefix: string) {
  return JSON.parse(JSON.stringify(schema), (key, value) => key === '$id' || key === '$ref' ? `${prefix}${value}` : value)
}
