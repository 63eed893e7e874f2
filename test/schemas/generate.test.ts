import t from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { generate, main, type OpenApiDocument } from '../../schemas/generate.js'

const generatorUrl = new URL('../../schemas/generate.ts', import.meta.url).href
const generator = fileURLToPath(generatorUrl)
const schemas = fileURLToPath(new URL('../../schemas/', import.meta.url))
const openApi = readFileSync(join(schemas, 'openapi.json'), 'utf8')
const freshDocument = (): OpenApiDocument => JSON.parse(openApi)
const freshDocuments = () => ({ 'openapi.json': freshDocument() })

/** The exit code and the output of the command. */
function run (...args: string[]) {
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const status = main(args, { log: (line) => stdout.push(line), error: (line) => stderr.push(line) })
  return { status, stdout, stderr }
}

t.test('The committed modules match the OpenAPI documents', async (t) => {
  const toolkit = JSON.parse(readFileSync(join(schemas, 'extensibility-toolkit.json'), 'utf8'))
  const modules = generate({ 'extensibility-toolkit.json': toolkit, ...freshDocuments() })
  for (const [file, text] of modules) t.equal(text, readFileSync(join(schemas, file), 'utf8'), file)
  t.strictSame(run('--check'), { status: 0, stdout: ['schemas: the modules match the OpenAPI documents'], stderr: [] })
})

t.test('The generator runs as a command, and has no side effect when it is imported', async (t) => {
  const folder = t.testdir({ 'openapi.json': openApi })
  const command = (...args: string[]) =>
    spawnSync(process.execPath, [...process.execArgv, ...args], { encoding: 'utf8' })

  t.match(command(generator, '--check', folder), { status: 1, stdout: '', stderr: 'schemas/index.ts is missing' })
  const imported = command('--input-type=module', '--eval', `await import(${JSON.stringify(generatorUrl)})`)
  t.match(imported, { status: 0, stdout: '', stderr: '' })
})

t.test('Each definition, each operation, its parameters and its headers have a module', async (t) => {
  t.same([...generate(freshDocuments()).keys()].sort(), [
    'CancelItemJobInstance.ts', 'CancelItemJobInstanceHeaders.ts', 'CancelItemJobInstanceParams.ts',
    'CreateItemJobInstance.ts', 'CreateItemJobInstanceHeaders.ts', 'CreateItemJobInstanceParams.ts',
    'CreateItemJobInstanceRequest.ts',
    'ErrorDetails.ts', 'ErrorExtendedInformation.ts', 'ErrorResponse.ts', 'ErrorSource.ts',
    'GetItemJobInstanceState.ts', 'GetItemJobInstanceStateHeaders.ts', 'GetItemJobInstanceStateParams.ts',
    'ItemJobInstanceState.ts', 'JobInstanceStatus.ts', 'JobInvokeType.ts', 'NameValuePair.ts', 'index.ts'
  ])
})

t.test('The generator writes a folder, and a second run changes nothing', async (t) => {
  const folder = t.testdir({ 'openapi.json': openApi })
  t.match(run(folder), { status: 0, stdout: ['schemas: 19 written, 0 removed'] })
  t.equal(readdirSync(folder).filter((file) => file.endsWith('.ts')).length, 19)
  t.match(run(folder), { status: 0, stdout: ['schemas: 0 written, 0 removed'] })
  t.match(run('--check', folder), { status: 0, stderr: [] })
})

t.test('--check names each file that differs, is missing or is left over, and changes none', async (t) => {
  const modules = Object.fromEntries(generate(freshDocuments()))
  const folder = t.testdir({ ...modules, 'openapi.json': openApi, 'handwritten.ts': 'export {}\n' })
  t.equal(run('--check', folder).status, 0, 'a module without the generator\'s first line is ignored')

  writeFileSync(join(folder, 'ErrorSource.ts'), `${modules['ErrorSource.ts']}// changed\n`)
  rmSync(join(folder, 'NameValuePair.ts'))
  writeFileSync(join(folder, 'Former.ts'), String(modules['ErrorSource.ts']))
  const { status, stderr } = run('--check', folder)
  t.equal(status, 1)
  t.same(stderr.sort(), [
    'schemas/ErrorSource.ts differs: npm run generate',
    'schemas/Former.ts is left over: npm run generate',
    'schemas/NameValuePair.ts is missing: npm run generate'
  ])
  t.notOk(existsSync(join(folder, 'NameValuePair.ts')))

  t.match(run(folder), { status: 0, stdout: ['schemas: 2 written, 1 removed'] })
  t.equal(run('--check', folder).status, 0)
  t.ok(existsSync(join(folder, 'handwritten.ts')))
})

t.test('--check notices a change of the document', async (t) => {
  const document = freshDocument()
  document.components.schemas['ErrorSource'] = { title: 'ErrorSource', type: 'string', enum: ['System', 'User'] }
  const modules = Object.fromEntries(generate(freshDocuments()))
  const folder = t.testdir({ ...modules, 'openapi.json': JSON.stringify(document) })
  t.strictSame(run('--check', folder), {
    status: 1, stdout: [], stderr: ['schemas/ErrorSource.ts differs: npm run generate']
  })
})

/** A document with one definition, and one with one operation of the contract, changed. */
const withSchema = (schema: object): OpenApiDocument =>
  ({ paths: {}, components: { schemas: { Odd: { title: 'Odd', ...schema } } } })
const withMethod = (method: string, change: object): OpenApiDocument => {
  const { paths, components } = freshDocument()
  const operations = Object.values(paths).flatMap(({ get }) => get ?? [])
  const changed = Object.fromEntries(operations.map((get) => [method, { ...get, ...change }]))
  return { components, paths: { '/jobs': changed } }
}

t.test('Text from the document is escaped in code and comments', async (t) => {
  const description = 'It\'s "quoted" \\ and */ ends\nnothing.'
  const document = withSchema({ type: 'object', properties: { 'a-b': { type: 'string', description } } })
  const text = generate({ 'odd.json': document }).get('Odd.ts')
  t.match(text, '/** It\'s "quoted" \\ and *\\/ ends nothing. */')
  t.match(text, String.raw`'a-b': Type.Optional(Type.String({ description: 'It\'s "quoted" \\ and */ ends\nnothing.' }))`)
})

t.test('The generator writes a module for a body that is not a definition', async (t) => {
  const withBody = (schema: object) => generate({
    'openapi.json': withMethod('post', {
      requestBody: { description: 'The job to start.', required: true, content: { 'application/json': { schema } } }
    })
  })
  const own = withBody({ type: 'object', properties: { jobType: { type: 'string', minLength: 1 } }, required: ['jobType'] })
  t.match(own.get('GetItemJobInstanceStateBody.ts'), `
/** The job to start. */
export const GetItemJobInstanceStateBody = Type.Object({
  jobType: Type.String({ minLength: 1 })
}, {
  title: 'GetItemJobInstanceStateBody',
  description: 'The job to start.'
})
export type GetItemJobInstanceStateBody = Static<typeof GetItemJobInstanceStateBody>
`)
  t.match(own.get('GetItemJobInstanceState.ts'), "import { GetItemJobInstanceStateBody } from './GetItemJobInstanceStateBody.js'")
  t.match(own.get('GetItemJobInstanceState.ts'), '    body: GetItemJobInstanceStateBody,\n')
  t.match(own.get('index.ts'), "export * from './GetItemJobInstanceStateBody.js'")

  const $ref = '#/components/schemas/NameValuePair'
  const annotated = withBody({ $ref, description: 'A pair.' })
  t.match(annotated.get('GetItemJobInstanceStateBody.ts'), 'GetItemJobInstanceStateBody = Annotated(NameValuePair, {')
  const definition = withBody({ $ref })
  t.notOk(definition.has('GetItemJobInstanceStateBody.ts'))
  t.match(definition.get('GetItemJobInstanceState.ts'), '    body: NameValuePair,\n')
})

t.test('The generator writes a union within another schema on one line', async (t) => {
  const invokeType = { anyOf: [{ type: 'boolean' }, { type: 'string' }] }
  const text = generate({ 'odd.json': withSchema({ type: 'object', properties: { invokeType } }) }).get('Odd.ts')
  t.match(text, 'invokeType: Type.Optional(Type.Union([Type.Boolean(), Type.String()]))')
})

t.test('The generator writes a definition that several documents share once', async (t) => {
  const other = withSchema({ type: 'boolean' })
  other.components.schemas['ErrorSource'] = structuredClone(freshDocument().components.schemas['ErrorSource'] ?? {})
  const documents = { ...freshDocuments(), 'other.json': other }
  const modules = generate(documents)
  t.same([...modules.keys()].sort(), [...generate(freshDocuments()).keys(), 'Odd.ts'].sort())
  t.equal(modules.get('index.ts')?.match(/^ {2}ErrorSource,?$/gm)?.length, 1)

  const folder = t.testdir({ 'openapi.json': openApi, 'other.json': JSON.stringify(other) })
  t.match(run(folder), { stdout: ['schemas: 20 written, 0 removed'] })

  other.components.schemas['ErrorSource'] = { title: 'ErrorSource', type: 'string' }
  const message = 'other.json#/components/schemas/ErrorSource: the generator does not support a second definition'
  t.throws(() => generate(documents), { message })
})

t.test('The generator throws an error with the place of an unsupported construct', async (t) => {
  const withOperation = (change: object) => withMethod('get', change)
  const odd = '#/components/schemas/Odd'
  const operation = '#/paths//jobs/get'
  const content = { 'application/json': { schema: { type: 'string' } } }
  const parameter = { name: 'full', in: 'path', required: true, description: 'd', schema: { type: 'string' } }
  const cases: Array<[OpenApiDocument, string, string]> = [
    [withSchema({ title: 'Even', type: 'string' }), odd, 'a definition with the title Even'],
    [withSchema({ oneOf: [] }), odd, 'oneOf: []'],
    [withSchema({ anyOf: [{ type: 'null' }] }), `${odd}/anyOf/0`, 'type: "null"'],
    [withSchema({ type: 'integer' }), odd, 'type: "integer"'],
    [withSchema({ type: ['string', 'null'] }), odd, 'type: ["string","null"]'],
    [withSchema({}), odd, 'a schema without a type'],
    [withSchema({ type: 'array' }), `${odd}/items`, 'a schema without a type'],
    [withSchema({ type: 'string', maxLength: 1 }), odd, 'maxLength: 1'],
    [withSchema({ $id: 'Odd', type: 'string' }), odd, '$id: "Odd"'],
    [withSchema({ $ref: 'other.json' }), odd, '$ref other.json'],
    [withSchema({ type: 'object', required: ['a'] }), odd, 'the required property a'],
    [withSchema({ type: 'object', properties: { a: { type: 'null' } } }), `${odd}/properties/a`, 'type: "null"'],
    [withMethod('trace', {}), '#/paths//jobs', 'trace: {'],
    [withOperation({ callbacks: {} }), operation, 'callbacks: {}'],
    [withOperation({ parameters: [{ ...parameter, in: 'query' }] }), `${operation}/parameters/full`, 'in: "query"'],
    [withOperation({ parameters: [{ ...parameter, style: 'simple' }] }),
      `${operation}/parameters/full`, 'style: "simple"'],
    [withOperation({ parameters: [{ $ref: '#/components/parameters/none' }] }), `${operation}/parameters`, '$ref #/c'],
    [withOperation({ parameters: [{ $ref: 'other.json' }] }), `${operation}/parameters`, '$ref other.json'],
    [withOperation({ requestBody: { description: 'd', content } }),
      `${operation}/requestBody`, 'a body that is not required'],
    [withOperation({ requestBody: { required: true, content: { 'text/xml': {} } } }),
      `${operation}/requestBody/content`, 'text/xml: {}'],
    [withOperation({ responses: { 200: { description: 'd', content, links: {} } } }),
      `${operation}/responses/200`, 'links: {}'],
    [withOperation({ responses: { 200: { description: 'd', content: { ...content, 'text/xml': {} } } } }),
      `${operation}/responses/200/content`, 'text/xml: {}']
  ]
  for (const [document, place, construct] of cases) {
    const message = `odd.json${place}: the generator does not support ${construct}`
    t.throws(() => generate({ 'odd.json': document }), { message }, construct)
  }
})
