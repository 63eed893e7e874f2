import type { SchemaOptions, TSchema } from '@sinclair/typebox'

/** Copies a schema with other annotations, e.g. the description of a property in place of its definition's. */
export function Annotated<T extends TSchema> (schema: T, annotations: SchemaOptions): T {
  return { ...schema, ...annotations }
}
