/**
 * Writes the TypeBox modules of this folder from its OpenAPI 3.1 documents: `openapi.json` is the contract,
 * `extensibility-toolkit.json` the experimental operations of the Extensibility Toolkit.
 *
 *     npm run generate              writes the modules
 *     npm run generate -- --check   fails if a module differs from the one that would be written
 */
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'

/** The part of OpenAPI 3.1 that the generator reads. */
export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>
  components: { parameters?: Record<string, Parameter>, schemas: Record<string, Schema> }
}

/** One method of a path. */
export interface Operation {
  operationId: string
  tags?: string[]
  summary: string
  description: string
  parameters: Array<Parameter | { $ref: string }>
  requestBody?: RequestBody
  responses: Record<string, Response>
}

/** The body of a request. */
export interface RequestBody {
  description: string
  required: boolean
  content: Content
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

/** The response for a status, or the default; without `content` it has no body. */
export interface Response {
  description: string
  content?: Content
}

/** A body by its media type. */
export interface Content {
  'application/json': { schema: Schema }
}

/** The part of JSON Schema that the generator knows. */
export interface Schema {
  $ref?: string
  title?: string
  type?: string
  description?: string
  format?: string
  minLength?: number
  enum?: string[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean
  readOnly?: boolean
  examples?: unknown[]
}

/** The supported keywords. Any other keyword would be lost silently, so it is refused. */
const known = {
  methods: ['get', 'put', 'post', 'patch', 'delete'],
  operation: [
    'operationId', 'tags', 'summary', 'description', 'security', 'parameters', 'requestBody', 'responses'
  ],
  parameter: ['name', 'in', 'required', 'description', 'schema', 'example'],
  requestBody: ['description', 'required', 'content'],
  response: ['description', 'content'],
  content: ['application/json'],
  in: ['path', 'header'],
  annotations: ['title', 'description', 'readOnly', 'examples']
}

const keywords = new Map([
  ['$ref', ['$ref']],
  ['anyOf', ['anyOf']],
  ['object', ['type', 'properties', 'required', 'additionalProperties']],
  ['array', ['type', 'items']],
  ['string', ['type', 'format', 'minLength', 'enum']],
  ['boolean', ['type']]
])

const firstLine = '// Generated from the OpenAPI documents of this folder by `npm run generate`.\n'
const definitionPrefix = '#/components/schemas/'
const parameterPrefix = '#/components/parameters/'
const lineWidth = 120

/**
 * Generates the modules of OpenAPI documents: one for each definition, three or four for each operation (its path
 * parameters, its request headers, its body unless that is a definition, and the operation itself), and an index.
 * Documents may share definitions.
 *
 * @param documents by their file names
 * @returns the text of each module by its file name
 * @throws {Error} for an unsupported construct, with its place in the document
 */
export function generate (documents: Record<string, OpenApiDocument>): Map<string, string> {
  const definitions = definitionModules(documents)
  const operations = Object.entries(documents).flatMap(([file, document]) =>
    operationsIn(document, file).flatMap(operationModules))

  const modules = [...definitions, ...operations]
  const index: Module = ['index', indexModule(namesOf(modules), namesOf(definitions))]
  return new Map([...modules, index].map(([name, text]) => [`${name}.ts`, text]))
}

type Module = [name: string, text: string]

const namesOf = (modules: Module[]) => modules.map(([name]) => name)

function definitionModules (documents: Record<string, OpenApiDocument>): Module[] {
  const definitions = new Map<string, Schema>()
  return Object.entries(documents).flatMap(([file, { components }]) =>
    Object.entries(components.schemas).flatMap(([name, schema]): Module[] => {
      const place = `${file}${definitionPrefix}${name}`
      if (schema.title !== name) throw unknownConstruct(place, `a definition with the title ${schema.title}`)

      const known = definitions.get(name)
      if (known === undefined) {
        definitions.set(name, schema)
        return [[name, schemaModule(name, schema, place)]]
      }
      if (!isDeepStrictEqual(known, schema)) throw unknownConstruct(place, 'a second definition of that name')
      return []
    }))
}

function schemaModule (name: string, schema: Schema, place: string): string {
  return moduleText([
    typeboxImports([schema]),
    moduleImports([schema]),
    [
      ...docComment(schema.description),
      `export const ${name} = ${schemaCode(schema, place)}`,
      `export type ${name} = Static<typeof ${name}>`
    ]
  ])
}

/** An operation with its place in a document and its resolved parameters. */
interface PlacedOperation {
  place: string
  path: string
  method: string
  operation: Operation
  parameters: Parameter[]
}

function operationsIn ({ paths, components }: OpenApiDocument, file: string): PlacedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) => {
    refuseUnknown(methods, known.methods, `${file}#/paths/${path}`)
    return Object.entries(methods).map(([method, operation]) => {
      const place = `${file}#/paths/${path}/${method}`
      refuseUnknown(operation, known.operation, place)
      const parameters = operation.parameters.map((parameter) =>
        checkedParameter('$ref' in parameter ? referredParameter(parameter.$ref, components, place) : parameter, place))
      return { place, path, method, operation, parameters }
    })
  })
}

function referredParameter ($ref: string, { parameters = {} }: OpenApiDocument['components'], place: string) {
  const parameter = $ref.startsWith(parameterPrefix) ? parameters[$ref.slice(parameterPrefix.length)] : undefined
  if (parameter === undefined) throw unknownConstruct(`${place}/parameters`, `$ref ${$ref}`)
  return parameter
}

function checkedParameter (parameter: Parameter, place: string): Parameter {
  const parameterPlace = `${place}/parameters/${parameter.name}`
  refuseUnknown(parameter, known.parameter, parameterPlace)
  if (!known.in.includes(parameter.in)) throw unknownConstruct(parameterPlace, `in: "${parameter.in}"`)
  return parameter
}

function operationModules (placed: PlacedOperation): Module[] {
  const { place, operation: { operationId, requestBody }, parameters } = placed
  const name = operationName(placed)
  const part = (suffix: string, what: string, where: string): Module => {
    const schema = asObject(`${name}${suffix}`, `The ${what} of ${operationId}.`, parametersIn(where, parameters))
    return [`${name}${suffix}`, schemaModule(`${name}${suffix}`, schema, `${place}/parameters`)]
  }
  return [
    part('Params', 'path parameters', 'path'),
    part('Headers', 'request headers', 'header'),
    ...(requestBody ? bodyModules(name, requestBody, `${place}/requestBody`) : []),
    [name, operationModule(name, placed)]
  ]
}

/** A body that is a definition has a module already. */
function bodyModules (name: string, requestBody: RequestBody, place: string): Module[] {
  const body = bodySchema(requestBody, place)
  if (isDefinition(body)) return []
  const schema = { title: `${name}Body`, description: requestBody.description, ...body }
  return [[`${name}Body`, schemaModule(`${name}Body`, schema, place)]]
}

/** An operation is named `{Group}_{Name}`. */
const operationName = ({ operation }: PlacedOperation) => operation.operationId.replace(/^.*_/, '')

const fastifyUrl = (path: string) => path.replace(/\{(\w+)\}/g, ':$1')

const parametersIn = (where: string, parameters: Parameter[]) =>
  parameters.filter((parameter) => parameter.in === where)

/** Additional properties are allowed: a host's prefix may have other parameters, and clients and proxies add headers. */
function asObject (title: string, description: string, parameters: Parameter[]): Schema {
  return {
    title,
    description,
    type: 'object',
    properties: Object.fromEntries(parameters.map(({ name, description, schema, example }) =>
      [name, { ...schema, description, ...(example !== undefined && { examples: [example] }) }])),
    required: parameters.filter(({ required }) => required).map(({ name }) => name)
  }
}

function operationModule (name: string, { place, path, method, operation, parameters }: PlacedOperation): string {
  const { operationId, tags, summary, description, requestBody, responses } = operation
  const texts = { operationId, ...(tags && { tags }), summary, description }
  const body = requestBody && bodyName(name, requestBody, `${place}/requestBody`)
  const contents = Object.values(responses).flatMap(({ content }) => content?.['application/json'].schema ?? [])
  const hasNull = Object.values(responses).some(({ content }) => content === undefined)
  const headerNames = parametersIn('header', parameters).map(({ name }) => [name, name.toLowerCase()])

  return moduleText([
    hasNull ? ["import { Type } from '@sinclair/typebox'"] : [],
    moduleImports(contents, [`${name}Params`, `${name}Headers`, ...(body ? [body] : [])]),
    [
      '/**',
      ` * ${inComment(description)}`,
      ' *',
      ' * `method`, `url` and `schema` are Fastify\'s route options.',
      ' */',
      `export const ${name} = {`,
      `  method: ${literal(method.toUpperCase())},`,
      `  url: ${literal(fastifyUrl(path))},`,
      '  schema: {',
      ...Object.entries(texts).map(([key, value]) => `    ${key}: ${literal(value)},`),
      `    params: ${name}Params,`,
      `    headers: ${name}Headers,`,
      ...(body ? [`    body: ${body},`] : []),
      '    response: {',
      Object.entries(responses).map(([status, response]) =>
        `      ${propertyName(status)}: ${responseCode(response, `${place}/responses/${status}`)}`).join(',\n'),
      '    }',
      '  },',
      '  /** The request headers, from the document\'s spelling to that of `request.headers`. */',
      `  headerNames: ${literal(Object.fromEntries(headerNames), 2)}`,
      '} as const'
    ]
  ])
}

/** Without the media type: with it, Fastify does not validate bodies of other media types. A body is always required then. */
function bodySchema (requestBody: RequestBody, place: string): Schema {
  refuseUnknown(requestBody, known.requestBody, place)
  refuseUnknown(requestBody.content, known.content, `${place}/content`)
  if (!requestBody.required) throw unknownConstruct(place, 'a body that is not required')
  return requestBody.content['application/json'].schema
}

/** The name of the module that has the body. */
function bodyName (name: string, requestBody: RequestBody, place: string): string {
  const body = bodySchema(requestBody, place)
  return isDefinition(body) ? schemaCode(body, place, 'inline') : `${name}Body`
}

/** With the media type, so that the response and its body each have a description, and @fastify/swagger keeps the body. */
function responseCode (response: Response, place: string): string {
  refuseUnknown(response, known.response, place)
  const { description, content } = response
  // @fastify/swagger documents this as a response without a body; the handler sends `undefined`.
  if (content === undefined) return `Type.Unsafe<undefined>(Type.Null(${literal({ description })}))`

  refuseUnknown(content, known.content, `${place}/content`)
  const schema = schemaCode(content['application/json'].schema, `${place}/content`, 'inline')
  return objectCode([
    `description: ${literal(description)}`,
    `content: { 'application/json': { schema: ${schema} } }`
  ], 6)
}

function indexModule (names: string[], definitions: string[]): string {
  return moduleText([
    definitions.toSorted().map((name) => `import { ${name} } from './${name}.js'`),
    names.toSorted().map((name) => `export * from './${name}.js'`),
    [
      ...docComment('The contract\'s definitions; the `title` of each is its name.'),
      'export const definitions = [',
      definitions.map((name) => `  ${name}`).join(',\n'),
      '] as const'
    ]
  ])
}

/** A schema and all schemas in it. */
function schemasIn (schema: Schema): Schema[] {
  const { anyOf = [], items, properties = {} } = schema
  return [schema, ...[...anyOf, ...(items ? [items] : []), ...Object.values(properties)].flatMap(schemasIn)]
}

/** A module needs `Type` unless it consists of enums and definitions. */
function typeboxImports (schemas: Schema[]): string[] {
  const needsType = schemas.flatMap(schemasIn).some((schema) => schema.$ref === undefined && schema.enum === undefined)
  return [needsType
    ? "import { Type, type Static } from '@sinclair/typebox'"
    : "import type { Static } from '@sinclair/typebox'"]
}

function moduleImports (schemas: Schema[], others: string[] = []): string[] {
  const parts = schemas.flatMap(schemasIn)
  const names = new Set([...parts.flatMap(({ $ref }) => $ref === undefined ? [] : definitionName($ref)), ...others])
  const imports = [...names].toSorted().map((name) => `import { ${name} } from './${name}.js'`)
  return [
    ...(parts.some(isAnnotated) ? ["import { Annotated } from './annotated.js'"] : []),
    ...imports,
    ...(parts.some((schema) => schema.enum !== undefined) ? ["import { StringEnum } from './string-enum.js'"] : [])
  ]
}

const definitionName = ($ref: string) => $ref.slice(definitionPrefix.length)

const moduleText = (blocks: string[][]) =>
  `${firstLine}${blocks.filter((lines) => lines.length > 0).map((lines) => lines.join('\n')).join('\n\n')}\n`

/** The layout of an object: on one line, or one line for each property with this indentation, in spaces. */
type Layout = 'inline' | number

function schemaCode (schema: Schema, place: string, layout: Layout = 0): string {
  const { $ref, anyOf = [], type, properties = {}, required = [], items = {}, ...options } = schema
  const kind = ['$ref', 'anyOf'].find((keyword) => keyword in schema) ?? String(type)
  refuseUnknown(schema, [...keywords.get(kind) ?? [], ...known.annotations], place)

  if ($ref !== undefined) return referenceCode($ref, options, place, layout)
  if (kind === 'anyOf') return call('Type.Union', layout, options, unionCode(anyOf, `${place}/anyOf`, layout))
  if (type === 'object') return objectSchemaCode(options, propertiesCode(properties, required, place), layout)
  if (type === 'array') return call('Type.Array', layout, options, schemaCode(items, `${place}/items`, 'inline'))
  if (type === 'boolean') return call('Type.Boolean', layout, options)
  if (type !== 'string') throw unknownConstruct(place, 'a schema without a type')
  const { enum: values, ...others } = options
  return values === undefined
    ? call('Type.String', layout, options)
    : call('StringEnum', layout, others, literal(values))
}

/** The definition itself, so that the schema contains no reference; keywords beside the reference replace its annotations. */
function referenceCode ($ref: string, options: Schema, place: string, layout: Layout): string {
  if (!$ref.startsWith(definitionPrefix)) throw unknownConstruct(place, `$ref ${$ref}`)
  const name = definitionName($ref)
  return isAnnotated({ $ref, ...options }) ? call('Annotated', layout, options, name) : name
}

/** A string beside an enum is an extensible enum: `string & {}` keeps the known values in the static type. */
function unionCode (schemas: Schema[], place: string, layout: Layout): string {
  const isOpenEnum = schemas.some((schema) => schema.enum !== undefined)
  const codes = schemas.map((schema, index) => {
    const code = schemaCode(schema, `${place}/${index}`, 'inline')
    const isAnyString = schema.type === 'string' && schema.enum === undefined
    return isOpenEnum && isAnyString ? `Type.Unsafe<string & {}>(${code})` : code
  })
  if (layout === 'inline') return `[${codes.join(', ')}]`
  const indent = ' '.repeat(layout)
  return `[\n${codes.map((code) => `${indent}  ${code}`).join(',\n')}\n${indent}]`
}

function objectSchemaCode (options: Schema, properties: string, layout: Layout): string {
  const code = call('Type.Object', layout, options, properties)
  return options.additionalProperties === true ? `Type.Unsafe<Record<string, unknown>>(${code})` : code
}

function propertiesCode (properties: Record<string, Schema>, required: string[], place: string): string {
  const undeclared = required.find((name) => !Object.hasOwn(properties, name))
  if (undeclared !== undefined) throw unknownConstruct(place, `the required property ${undeclared}`)

  const lines = Object.entries(properties).map(([name, schema]) => {
    const code = (layout: Layout) => schemaCode(schema, `${place}/properties/${name}`, layout)
    const value = required.includes(name) ? code : (layout: Layout) => `Type.Optional(${code(layout)})`
    return [...docComment(schema.description, '  '), propertyCode(name, value, 2)].join('\n')
  })
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n}`
}

/** True for a reference without other keywords. */
const isDefinition = (schema: Schema) => schema.$ref !== undefined && !isAnnotated(schema)

/** True for a reference with other keywords. */
const isAnnotated = (schema: Schema) => schema.$ref !== undefined && Object.keys(schema).length > 1

/** On one line if it fits, with a comma. */
function propertyCode (name: string, value: (layout: Layout) => string, indent: number): string {
  const [inline = '', spread = ''] = (['inline', indent] as const).map((layout) =>
    `${' '.repeat(indent)}${propertyName(name)}: ${value(layout)}`)
  return inline.length < lineWidth ? inline : spread
}

function call (name: string, layout: Layout, options: Schema, ...args: string[]): string {
  const entries = entriesCode(options)
  const given = entries.length > 0 ? [...args, objectCode(entries, layout)] : args
  return `${name}(${given.join(', ')})`
}

/** A JSON value as code; nested objects and arrays are on one line. */
function literal (value: unknown, layout: Layout = 'inline'): string {
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map((item) => literal(item)).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return objectCode(entriesCode(value), layout)
}

const entriesCode = (value: object) =>
  Object.entries(value).map(([name, item]) => `${propertyName(name)}: ${literal(item)}`)

function objectCode (entries: string[], layout: Layout): string {
  if (layout === 'inline') return `{ ${entries.join(', ')} }`
  const indent = ' '.repeat(layout)
  return `{\n${entries.map((entry) => `${indent}  ${entry}`).join(',\n')}\n${indent}}`
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
  `${place}: the generator does not support ${construct}. Write it in another way, or add it to schemas/generate.ts.`)

/** A file that differs from the documents; `text` is its correct content, or `undefined` if the file should not exist. */
type Difference = { file: string, text: string | undefined, what: 'differs' | 'is missing' | 'is left over' }

function differences (folder: string): Difference[] {
  const textsOf = (extension: string) => readdirSync(folder)
    .filter((file) => file.endsWith(extension))
    .map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const)
  const modules = generate(Object.fromEntries(textsOf('.json').map(([file, text]) => [file, JSON.parse(text)])))
  const found = new Map(textsOf('.ts'))

  const wrong = [...modules]
    .filter(([file, text]) => found.get(file) !== text)
    .map(([file, text]): Difference => ({ file, text, what: found.has(file) ? 'differs' : 'is missing' }))
  const leftOver = [...found]
    .filter(([file, text]) => text.startsWith(firstLine) && !modules.has(file))
    .map(([file]): Difference => ({ file, text: undefined, what: 'is left over' }))
  return [...wrong, ...leftOver]
}

/** The folder `schemas/` of the package, also if this runs from `dist/schemas/`. */
function packageSchemas (): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return join(folder, 'schemas')
}

/**
 * The command: `[--check] [folder]`; the default folder is the package's `schemas/`.
 *
 * @returns the exit code: 1 if `--check` found a file that differs from the documents
 */
export function main (args: string[], { log, error }: Pick<Console, 'log' | 'error'> = console): number {
  const { values, positionals } = parseArgs({ args, options: { check: { type: 'boolean' } }, allowPositionals: true })
  const [folder = packageSchemas()] = positionals
  const found = differences(folder)

  if (values.check) {
    for (const { file, what } of found) error(`schemas/${file} ${what}: npm run generate`)
    if (found.length === 0) log('schemas: the modules match the OpenAPI documents')
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
