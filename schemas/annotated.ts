import type { SchemaOptions, TSchema } from '@sinclair/typebox'

/** A copy of a schema under other annotations, as a property has its own description over that of its definition. */
export function Annotated<T extends TSchema> (schema: T, annotations: SchemaOptions): T {
  return { ...schema, ...annotations }
}
