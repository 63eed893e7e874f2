import type { TObject } from '@sinclair/typebox'
import { Ajv } from 'ajv'
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'

import { formats } from './formats.js'

/**
 * Compiles the validators of path parameters and body for Fastify: Ajv with the contract's two formats.
 *
 * The schema of the request headers is for the OpenAPI document only: authentication checks the headers.
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

/** For an empty path segment (`//`) the router passes an empty string; the contract requires every parameter. */
function withoutEmptyStrings (params: TObject): object {
  const properties = Object.entries(params.properties).map(([name, schema]) =>
    [name, schema.format === undefined ? { ...schema, minLength: 1 } : schema])
  return { ...params, properties: Object.fromEntries(properties) }
}
