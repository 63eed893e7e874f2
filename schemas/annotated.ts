import type { SchemaOptions, TSchema } from '@sinclair/typebox'

/** A copy of a schema, with its type and other annotations: a definition's place in another one has its own description. */
export function Annotated<T extends TSchema> (schema: T, annotations: SchemaOptions): T {
  return { ...schema, ...annotations }
}
