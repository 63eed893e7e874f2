import { KindGuard } from '@sinclair/typebox'
import { Ajv } from 'ajv'
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'

import { formats } from './formats.js'

/**
 * Compiles the validators of path parameters and body for Fastify: Ajv with the contract's two formats.
 *
 * The request headers are in the schema for the document: authentication judges them, and the ids may be absent.
 */
export const validatorCompiler: FastifySchemaCompiler<FastifySchema> = ({ schema, httpPart }) => {
  if (httpPart !== 'params' && httpPart !== 'body') return () => true
  return new Ajv({ allErrors: true, formats }).compile(httpPart === 'params' ? withoutEmptyStrings(schema) : schema)
}

/** The router has an empty string for a parameter that the path lacks (`//`); the contract requires them all. */
function withoutEmptyStrings (params: object): object {
  if (!KindGuard.IsObject(params)) return params
  const properties = Object.entries(params.properties).map(([name, schema]) =>
    [name, schema.format === undefined ? { ...schema, minLength: 1 } : schema])
  return { ...params, properties: Object.fromEntries(properties) }
}
