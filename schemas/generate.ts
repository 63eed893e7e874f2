/**
 * Writes the TypeBox modules of this folder from `openapi.json`, the contract as an OpenAPI 3.1 document.
 *
 *     npm run generate              writes the modules
 *     npm run generate -- --check   fails where the folder is not what would be written
 */
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

/** The part of OpenAPI 3.1 that the generator reads. */
export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** One method of a path. */
export interface Operation {
  operationId: string
  summary: string
  description: string
  parameters: Parameter[]
  responses: Record<string, Response>
}

/** A path parameter or a request header. */
export interface Parameter {
  name: string
  in: string
  required: boolean
  description: string
  schema: Schema
  example?: unknown
}

/** What an operation answers with a status, or by default. */
export interface Response {
  description: string
  content: { 'application/json': { schema: Schema } }
}

/** The part of JSON Schema that the generator knows. */
export interface Schema {
  $id?: string
  $ref?: string
  type?: string
  description?: string
  format?: string
  enum?: string[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean
  readOnly?: boolean
  examples?: unknown[]
}

/** What is read or may be passed over. Anything else would be lost in silence, so it is refused. */
const known = {
  methods: ['get', 'put', 'post', 'patch', 'delete'],
  operation: ['operationId', 'tags', 'summary', 'description', 'security', 'parameters', 'responses'],
  parameter: ['name', 'in', 'required', 'description', 'schema', 'example'],
  response: ['description', 'content'],
  content: ['application/json'],
  in: ['path', 'header'],
  annotations: ['$id', 'description', 'readOnly', 'examples']
}

const keywords = new Map([
  ['$ref', ['$ref']],
  ['object', ['type', 'properties', 'required', 'additionalProperties']],
  ['array', ['type', 'items']],
  ['string', ['type', 'format', 'enum']],
  ['boolean', ['type']]
])

const firstLine = '// Generated from schemas/openapi.json by `npm run generate`.\n'
const definitionPrefix = '#/components/schemas/'
const lineWidth = 120

/**
 * The modules that follow from a document: one for each definition, three for each operation (its path parameters, its
 * request headers and itself), the index of them all, and all of them once more as plain JSON Schema.
 *
 * @returns the text of each module by its file's name
 * @throws {Error} at a construct that it does not know, naming its place in the document
 */
export function generate ({ paths, components }: OpenApiDocument): Map<string, string> {
  const definitions = Object.entries(components.schemas).map(([name, schema]): Module =>
    [name, schemaModule(name, schema, `${definitionPrefix}${name}`, name)])

  const operations = Object.entries(paths).flatMap(([path, methods]) => {
    refuseUnknown(methods, known.methods, `#/paths/${path}`)
    return Object.entries(methods).flatMap(([method, operation]) => operationModules(path, method, operation))
  })

  const modules = [...definitions, ...operations]
  const index: Module = ['index', indexModule(namesOf(modules), namesOf(definitions))]
  const plain: Module = ['plain', plainModule({ paths, components })]
  return new Map([...modules, index, plain].map(([name, text]) => [`${name}.ts`, text]))
}

type Module = [name: string, text: string]

const namesOf = (modules: Module[]) => modules.map(([name]) => name)

function schemaModule (name: string, schema: Schema, place: string, $id?: string): string {
  return moduleText([
    ["import { Type, type Static } from '@sinclair/typebox'"],
    typeImports([schema]),
    [
      ...docComment(schema.description),
      `export const ${name} = ${schemaCode($id === undefined ? schema : { $id, ...schema }, place)}`,
      `export type ${name} = Static<typeof ${name}>`
    ]
  ])
}

function operationModules (path: string, method: string, operation: Operation): Module[] {
  const place = `#/paths/${path}/${method}`
  refuseUnknown(operation, known.operation, place)
  for (const parameter of operation.parameters) {
    const parameterPlace = `${place}/parameters/${parameter.name}`
    refuseUnknown(parameter, known.parameter, parameterPlace)
    if (!known.in.includes(parameter.in)) throw unknownConstruct(parameterPlace, `in: "${parameter.in}"`)
  }

  const name = operationName(operation)
  return [
    [`${name}Params`, schemaModule(`${name}Params`, paramsSchema(operation), `${place}/parameters`)],
    [`${name}Headers`, schemaModule(`${name}Headers`, headersSchema(operation), `${place}/parameters`)],
    [name, operationModule(name, path, method, operation)]
  ]
}

/** An operation is named `{Group}_{Name}`. */
const operationName = ({ operationId }: Operation) => operationId.replace(/^.*_/, '')

const fastifyUrl = (path: string) => path.replace(/\{(\w+)\}/g, ':$1')

function paramsSchema (operation: Operation): Schema {
  const description = `The path parameters of ${operation.operationId}.`
  return { ...asObject(description, parametersIn('path', operation)), additionalProperties: false }
}

/** Not closed: clients and proxies add headers of their own. */
function headersSchema (operation: Operation): Schema {
  return asObject(`The request headers of ${operation.operationId}.`, parametersIn('header', operation))
}

const parametersIn = (where: string, { parameters }: Operation) =>
  parameters.filter((parameter) => parameter.in === where)

function asObject (description: string, parameters: Parameter[]): Schema {
  return {
    description,
    type: 'object',
    properties: Object.fromEntries(parameters.map(({ name, description, schema, example }) =>
      [name, { ...schema, description, ...(example !== undefined && { examples: [example] }) }])),
    required: parameters.filter(({ required }) => required).map(({ name }) => name)
  }
}

function operationModule (name: string, path: string, method: string, operation: Operation): string {
  const { operationId, summary, description } = operation
  const place = `#/paths/${path}/${method}/responses`
  const responses = Object.entries(operation.responses).map(([status, response]) =>
    ({ status, schema: responseSchema(response, `${place}/${status}`) }))
  const headerNames = parametersIn('header', operation).map(({ name }) => [name, name.toLowerCase()])

  return moduleText([
    ["import { Type } from '@sinclair/typebox'"],
    [...typeImports(responses.map(({ schema }) => schema)), `import { ${name}Params } from './${name}Params.js'`],
    [
      '/**',
      ` * ${inComment(description)}`,
      ' *',
      ' * `method`, `url` and `schema` are Fastify\'s route options; `schema` refers to the `definitions`.',
      ' */',
      `export const ${name} = {`,
      `  method: ${literal(method.toUpperCase())},`,
      `  url: ${literal(fastifyUrl(path))},`,
      '  schema: {',
      ...Object.entries({ operationId, summary, description }).map(([key, text]) => `    ${key}: ${literal(text)},`),
      `    params: ${name}Params,`,
      '    response: {',
      responses.map(({ status, schema }) =>
        propertyCode(status, (layout) => schemaCode(schema, `${place}/${status}`, layout), 6)).join(',\n'),
      '    }',
      '  },',
      '  /** The request headers, from the contract\'s spelling to that of `request.headers`. */',
      `  headerNames: ${literal(Object.fromEntries(headerNames), 2)}`,
      '} as const'
    ]
  ])
}

function responseSchema (response: Response, place: string): Schema {
  refuseUnknown(response, known.response, place)
  refuseUnknown(response.content, known.content, `${place}/content`)
  return { ...response.content['application/json'].schema, description: response.description }
}

function indexModule (names: string[], definitions: string[]): string {
  return moduleText([
    definitions.toSorted().map((name) => `import { ${name} } from './${name}.js'`),
    names.toSorted().map((name) => `export * from './${name}.js'`),
    [
      ...docComment('The contract\'s definitions; the `$id` of each is its name.'),
      'export const definitions = [',
      definitions.map((name) => `  ${name}`).join(',\n'),
      '] as const'
    ]
  ])
}

/** What the modules above make with TypeBox, as the JSON that it is. */
function plainModule ({ paths, components }: OpenApiDocument): string {
  const definitions = Object.entries(components.schemas).map(([name, schema]) => [name, { $id: name, ...schema }] as const)
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => plainOperation(path, method, operation)))

  return moduleText([
    [
      '// The same schemas as in the modules beside this one, as plain JSON Schema: what the plugin itself runs on, because',
      '// loading TypeBox takes longer than loading all the rest of the plugin.'
    ],
    ...[...definitions, ...operations].map(([name, value]) => [
      `export const ${name} = ${deepLiteral(withBareNames(value))} as const`,
      // An operation has no type of its own.
      ...('url' in value ? [] : [`export type ${name} = import('./${name}.js').${name}`])
    ]),
    [
      'export const definitions = [',
      definitions.map(([name]) => `  ${name}`).join(',\n'),
      '] as const'
    ]
  ])
}

function plainOperation (path: string, method: string, operation: Operation): Array<readonly [string, object]> {
  const { operationId, summary, description } = operation
  const [params, headers] = [paramsSchema(operation), headersSchema(operation)]
  const response = Object.fromEntries(Object.entries(operation.responses).map(([status, { content, description }]) =>
    [status, { ...content['application/json'].schema, description }]))
  const schema = { operationId, summary, description, params, headers, response }
  const name = operationName(operation)
  return [[`${name}Params`, params], [name, { method: method.toUpperCase(), url: fastifyUrl(path), schema }]]
}

/** A copy that refers to the definitions by their `$id`. */
function withBareNames (value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, value) => key === '$ref' ? definitionName(value) : value)
}

function typeImports (schemas: Schema[]): string[] {
  const names = new Set(schemas.flatMap(referencesIn))
  return [...names].toSorted().map((name) => `import type { ${name} } from './${name}.js'`)
}

function referencesIn ({ $ref, items, properties = {} }: Schema): string[] {
  if ($ref !== undefined) return [definitionName($ref)]
  return items === undefined ? Object.values(properties).flatMap(referencesIn) : referencesIn(items)
}

const definitionName = ($ref: string) => $ref.slice(definitionPrefix.length)

const moduleText = (blocks: string[][]) =>
  `${firstLine}${blocks.filter((lines) => lines.length > 0).map((lines) => lines.join('\n')).join('\n\n')}\n`

/** How an object is written: on one line, or with a line for each property after an indentation of so many spaces. */
type Layout = 'inline' | number

function schemaCode (schema: Schema, place: string, layout: Layout = 0): string {
  const { $ref, type, properties = {}, required = [], items = {}, ...options } = schema
  const kind = $ref === undefined ? String(type) : '$ref'
  refuseUnknown(schema, [...keywords.get(kind) ?? [], ...known.annotations], place)

  if ($ref !== undefined) return referenceCode($ref, options, place, layout)
  if (type === 'object') return call('Type.Object', layout, options, propertiesCode(properties, required, place))
  if (type === 'array') return call('Type.Array', layout, options, schemaCode(items, `${place}/items`, 'inline'))
  if (type === 'boolean') return call('Type.Boolean', layout, options)
  if (type !== 'string') throw unknownConstruct(place, 'a schema without a type')
  if (schema.enum === undefined) return call('Type.String', layout, options)
  // A plain `enum`, as the document has it; TypeBox's own unions of literals are `anyOf`.
  return call(`Type.Unsafe<${schema.enum.map((value) => literal(value)).join(' | ')}>`, layout, schema)
}

function referenceCode ($ref: string, options: Schema, place: string, layout: Layout): string {
  if (!$ref.startsWith(definitionPrefix)) throw unknownConstruct(place, `$ref ${$ref}`)
  const name = definitionName($ref)
  return `Type.Unsafe<${name}>(${call('Type.Ref', layout, options, literal(name))})`
}

function propertiesCode (properties: Record<string, Schema>, required: string[], place: string): string {
  const undeclared = required.find((name) => !Object.hasOwn(properties, name))
  if (undeclared !== undefined) throw unknownConstruct(place, `the required property ${undeclared}`)

  const lines = Object.entries(properties).map(([name, schema]) => {
    const code = (layout: Layout) => schemaCode(schema, `${place}/properties/${name}`, layout)
    const value = required.includes(name) ? code : (layout: Layout) => `Type.Optional(${code(layout)})`
    return [...docComment(schema.description, '  '), propertyCode(name, value, 2)].join('\n')
  })
  return `{\n${lines.join(',\n')}\n}`
}

/** On one line where that fits, with room for a comma. */
function propertyCode (name: string, value: (layout: Layout) => string, indent: number): string {
  const [inline = '', spread = ''] = (['inline', indent] as const).map((layout) =>
    `${' '.repeat(indent)}${propertyName(name)}: ${value(layout)}`)
  return inline.length < lineWidth ? inline : spread
}

function call (name: string, layout: Layout, options: Schema, ...args: string[]): string {
  const given = Object.keys(options).length > 0 ? [...args, literal(options, layout)] : args
  return `${name}(${given.join(', ')})`
}

/** A JSON value as code; what an object or an array holds stays on its line. */
function literal (value: unknown, layout: Layout = 'inline'): string {
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map((item) => literal(item)).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)

  const entries = Object.entries(value).map(([name, item]) => `${propertyName(name)}: ${literal(item)}`)
  if (layout === 'inline') return `{ ${entries.join(', ')} }`
  const indent = ' '.repeat(layout)
  return `{\n${entries.map((entry) => `${indent}  ${entry}`).join(',\n')}\n${indent}}`
}

/** A JSON value as code, on as many lines as it takes. */
function deepLiteral (value: unknown, indent = ''): string {
  const inline = literal(value)
  if (typeof value !== 'object' || value === null || `${indent}${inline}`.length < lineWidth / 2) return inline
  const inner = `${indent}  `
  return Array.isArray(value)
    ? `[\n${value.map((item) => `${inner}${deepLiteral(item, inner)}`).join(',\n')}\n${indent}]`
    : `{\n${Object.entries(value).map(([name, item]) =>
      `${inner}${propertyName(name)}: ${deepLiteral(item, inner)}`).join(',\n')}\n${indent}}`
}

const propertyName = (name: string) => /^([A-Za-z_$][\w$]*|\d+)$/.test(name) ? name : quoted(name)

const quoted = (text: string) => `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`

const docComment = (text: string | undefined, indent = '') =>
  text === undefined ? [] : [`${indent}/** ${inComment(text)} */`]

const inComment = (text: string) => text.replaceAll('*/', '*\\/').replaceAll(/\s+/g, ' ')

function refuseUnknown (part: object, names: string[], place: string): void {
  const unknown = Object.entries(part).find(([name]) => !names.includes(name))
  if (unknown !== undefined) throw unknownConstruct(place, `${unknown[0]}: ${JSON.stringify(unknown[1])}`)
}

const unknownConstruct = (place: string, construct: string) => new Error(
  `openapi.json, ${place}: the generator does not know ${construct}. Write it otherwise, or teach schemas/generate.ts.`)

/** A file that is not what the document says; `text` is what it should hold, `undefined` where it should not be. */
type Difference = { file: string, text: string | undefined, what: 'differs' | 'is missing' | 'is left over' }

function differences (folder: string): Difference[] {
  const modules = generate(JSON.parse(readFileSync(join(folder, 'openapi.json'), 'utf8')))
  const found = new Map(readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, readFileSync(join(folder, file), 'utf8')]))

  const wrong = [...modules]
    .filter(([file, text]) => found.get(file) !== text)
    .map(([file, text]): Difference => ({ file, text, what: found.has(file) ? 'differs' : 'is missing' }))
  const leftOver = [...found]
    .filter(([file, text]) => text.startsWith(firstLine) && !modules.has(file))
    .map(([file]): Difference => ({ file, text: undefined, what: 'is left over' }))
  return [...wrong, ...leftOver]
}

/** The package's `schemas/`, also when this runs from `dist/schemas/`. */
function packageSchemas (): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return join(folder, 'schemas')
}

/**
 * The command: `[--check] [folder]`, the folder being the package's `schemas/` unless said otherwise.
 *
 * @returns the exit code: 1 where `--check` found a file that is not what the document says
 */
export function main (args: string[], { log, error }: Pick<Console, 'log' | 'error'> = console): number {
  const { values, positionals } = parseArgs({ args, options: { check: { type: 'boolean' } }, allowPositionals: true })
  const [folder = packageSchemas()] = positionals
  const found = differences(folder)

  if (values.check) {
    for (const { file, what } of found) error(`schemas/${file} ${what}: npm run generate`)
    if (found.length === 0) log('schemas: as openapi.json says')
    return found.length === 0 ? 0 : 1
  }

  for (const { file, text } of found) {
    if (text === undefined) rmSync(join(folder, file))
    else writeFileSync(join(folder, file), text)
  }
  const removed = found.filter(({ text }) => text === undefined).length
  log(`schemas: ${found.length - removed} written, ${removed} removed`)
  return 0
}

const script = process.argv[1]
if (script !== undefined && existsSync(script) && realpathSync(script) === import.meta.filename) {
  process.exitCode = main(process.argv.slice(2))
}
