import { Kind, Type, TypeRegistry, type SchemaOptions, type TUnsafe } from '@sinclair/typebox'

/** Named for this package, because TypeBox has one registry for all packages of a process. */
const kind = 'FabricStringEnum'

/**
 * A string out of a list. In JSON it is a plain `enum`, as in the contract; TypeBox's union of literals is an `anyOf`.
 *
 * @param values the strings that are valid
 * @param options the schema's other keywords
 */
export function StringEnum<const T extends string> (values: readonly T[], options: SchemaOptions = {}): TUnsafe<T> {
  // Here, because package.json says that loading a module has no effects, and bundlers rely on it.
  TypeRegistry.Set<{ enum: readonly unknown[] }>(kind, (schema, value) => schema.enum.includes(value))
  return Type.Unsafe<T>({ ...options, [Kind]: kind, type: 'string', enum: values })
}
