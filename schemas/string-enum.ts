import { Kind, Type, TypeRegistry, type SchemaOptions, type TUnsafe } from '@sinclair/typebox'

/** The name contains this package's name, because all packages of a process share TypeBox's registry. */
const kind = 'FabricStringEnum'

/**
 * A string of a list. In JSON it is a plain `enum`, as in the contract; TypeBox's union of literals is an `anyOf`.
 *
 * @param values the strings that are valid
 * @param options the schema's other keywords
 */
export function StringEnum<const T extends string> (values: readonly T[], options: SchemaOptions = {}): TUnsafe<T> {
  // Not at import: package.json declares that importing a module has no side effects, and bundlers rely on that.
  TypeRegistry.Set<{ enum: readonly unknown[] }>(kind, (schema, value) => schema.enum.includes(value))
  return Type.Unsafe<T>({ ...options, [Kind]: kind, type: 'string', enum: values })
}
