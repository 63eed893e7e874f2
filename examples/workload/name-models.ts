/**
 * Moves each schema with a title in an OpenAPI document to `components.schemas`, and refers to it by that name.
 * The package's schemas contain no references: without this, a page shows each of them in full wherever it is used.
 */
export function nameModels<T extends { paths?: unknown, components?: { schemas?: object } }> (document: T): T {
  const schemas: Record<string, unknown> = {}
  const paths = withReferences(document.paths, schemas)
  return { ...document, paths, components: { ...document.components, schemas: { ...schemas, ...document.components?.schemas } } }
}

/** @returns a copy of the value; each titled schema in it is put into `schemas`. */
function withReferences (value: unknown, schemas: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((each) => withReferences(each, schemas))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, each]) => [name, withReferences(each, schemas)] as const)
  const copy: Record<string, unknown> = Object.fromEntries(entries)
  if (typeof copy.title !== 'string' || !/^[A-Z]\w*$/.test(copy.title)) return copy
  schemas[copy.title] = copy
  return { $ref: `#/components/schemas/${copy.title}` }
}
