import type { TObject } from '@sinclair/typebox'
import { Ajv } from 'ajv'
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'

import { formats } from './formats.js'

/**
 * Compiles the validators of path parameters and body for Fastify: Ajv with the contract's two formats.
 *
 * The request headers are in the schema for the document: authentication judges them, and the ids may be absent.
 *
 * @param params the schema of the path parameters
 */
export function validatorCompilerFor (params: TObject): FastifySchemaCompiler<FastifySchema> {
  const ajv = new Ajv({ allErrors: true, formats, ownProperties: true })
  return ({ schema, httpPart }) => {
    if (httpPart === 'params') return ajv.compile(withoutEmptyStrings(params))
    return httpPart === 'body' ? ajv.compile(schema) : () => true
  }
}

/** The router has an empty string for a parameter that the path lacks (`//`); the contract requires them all. */
function withoutEmptyStrings (params: TObject): object {
  const properties = Object.entries(params.properties).map(([name, schema]) =>
    [name, schema.format === undefined ? { ...schema, minLength: 1 } : schema])
  return { ...params, properties: Object.fromEntries(properties) }
}
