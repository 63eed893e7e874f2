import { Kind, Type, TypeRegistry, type SchemaOptions, type TUnsafe } from '@sinclair/typebox'

/** Named for this package, because TypeBox has one registry for all packages of a process. */
const kind = 'FabricStringEnum'

/**
 * A string out of a list, in JSON a plain `enum`, as the contract has it: TypeBox's own unions of literals are an `anyOf`.
 *
 * @param values the strings that are valid
 * @param options the schema's other keywords
 */
export function StringEnum<const T extends string> (values: readonly T[], options: SchemaOptions = {}): TUnsafe<T> {
  // Registered here, not when the module is loaded: package.json says that loading has no effects, and bundlers rely on it.
  TypeRegistry.Set<{ enum: readonly unknown[] }>(kind, (schema, value) => schema.enum.includes(value))
  return Type.Unsafe<T>({ ...options, [Kind]: kind, type: 'string', enum: values })
}
