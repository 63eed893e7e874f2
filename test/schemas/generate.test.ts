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

/** What the command answers and prints. */
function run (...args: string[]) {
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const status = main(args, { log: (line) => stdout.push(line), error: (line) => stderr.push(line) })
  return { status, stdout, stderr }
}

t.test('What is committed is what the document says', async (t) => {
  for (const [file, text] of generate(freshDocument())) t.equal(text, readFileSync(join(schemas, file), 'utf8'), file)
  t.strictSame(run('--check'), { status: 0, stdout: ['schemas: as openapi.json says'], stderr: [] })
})

t.test('It is a command when it is run, and only a module when it is imported', async (t) => {
  const folder = t.testdir({ 'openapi.json': openApi })
  const command = (...args: string[]) =>
    spawnSync(process.execPath, [...process.execArgv, ...args], { encoding: 'utf8' })

  t.match(command(generator, '--check', folder), { status: 1, stdout: '', stderr: 'schemas/index.ts is missing' })
  const imported = command('--input-type=module', '--eval', `await import(${JSON.stringify(generatorUrl)})`)
  t.match(imported, { status: 0, stdout: '', stderr: '' })
})

t.test('Each definition, the operation, its parameters and its headers have a module', async (t) => {
  t.same([...generate(freshDocument()).keys()].sort(), [
    'ErrorDetails.ts', 'ErrorExtendedInformation.ts', 'ErrorResponse.ts', 'ErrorSource.ts',
    'GetItemJobInstanceState.ts',
    'GetItemJobInstanceStateHeaders.ts', 'GetItemJobInstanceStateParams.ts', 'ItemJobInstanceState.ts',
    'JobInstanceStatus.ts', 'NameValuePair.ts', 'index.ts', 'plain.ts'
  ])
})

t.test('The command writes a folder, then has nothing left to do', async (t) => {
  const folder = t.testdir({ 'openapi.json': openApi })
  t.match(run(folder), { status: 0, stdout: ['schemas: 12 written, 0 removed'] })
  t.equal(readdirSync(folder).filter((file) => file.endsWith('.ts')).length, 12)
  t.match(run(folder), { status: 0, stdout: ['schemas: 0 written, 0 removed'] })
  t.match(run('--check', folder), { status: 0, stderr: [] })
})

t.test('--check names each file that differs, is missing or is left over, and changes none', async (t) => {
  const modules = Object.fromEntries(generate(freshDocument()))
  const folder = t.testdir({ ...modules, 'openapi.json': openApi, 'handwritten.ts': 'export {}\n' })
  t.equal(run('--check', folder).status, 0, 'a module written by hand is no concern of the generator')

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

t.test('--check sees a change of the document', async (t) => {
  const document = freshDocument()
  document.components.schemas['ErrorSource'] = { type: 'string', enum: ['System', 'User'] }
  const modules = Object.fromEntries(generate(freshDocument()))
  const folder = t.testdir({ ...modules, 'openapi.json': JSON.stringify(document) })
  t.strictSame(run('--check', folder), {
    status: 1, stdout: [], stderr: ['schemas/ErrorSource.ts differs: npm run generate', 'schemas/plain.ts differs: npm run generate']
  })
})

t.test('Text from the document stays text', async (t) => {
  const description = 'It\'s "quoted" \\ and */ ends\nnothing.'
  const schemas: OpenApiDocument['components']['schemas'] = {
    Odd: { type: 'object', properties: { 'a-b': { type: 'string', description } } }
  }
  const text = generate({ paths: {}, components: { schemas } }).get('Odd.ts')
  t.match(text, '/** It\'s "quoted" \\ and *\\/ ends nothing. */')
  t.match(text, String.raw`'a-b': Type.Optional(Type.String({ description: 'It\'s "quoted" \\ and */ ends\nnothing.' }))`)
})

t.test('A construct that it does not know is an error that names its place', async (t) => {
  const withSchema = (schema: object): OpenApiDocument => ({ paths: {}, components: { schemas: { Odd: schema } } })
  const withMethod = (method: string, change: object): OpenApiDocument => {
    const { paths, components } = freshDocument()
    const operations = Object.values(paths).flatMap(({ get }) => get ?? [])
    const changed = Object.fromEntries(operations.map((get) => [method, { ...get, ...change }]))
    return { components, paths: { '/jobs': changed } }
  }
  const withOperation = (change: object) => withMethod('get', change)
  const odd = '#/components/schemas/Odd'
  const content = { 'application/json': { schema: { type: 'string' } } }
  const parameter = { name: 'full', in: 'path', required: true, description: 'd', schema: { type: 'string' } }
  const cases: Array<[OpenApiDocument, string, string]> = [
    [withSchema({ oneOf: [] }), odd, 'oneOf: []'],
    [withSchema({ type: 'integer' }), odd, 'type: "integer"'],
    [withSchema({ type: ['string', 'null'] }), odd, 'type: ["string","null"]'],
    [withSchema({}), odd, 'a schema without a type'],
    [withSchema({ type: 'array' }), `${odd}/items`, 'a schema without a type'],
    [withSchema({ type: 'string', minLength: 1 }), odd, 'minLength: 1'],
    [withSchema({ $ref: 'other.json' }), odd, '$ref other.json'],
    [withSchema({ type: 'object', required: ['a'] }), odd, 'the required property a'],
    [withSchema({ type: 'object', properties: { a: { type: 'null' } } }), `${odd}/properties/a`, 'type: "null"'],
    [withMethod('trace', {}), '#/paths//jobs', 'trace: {'],
    [withOperation({ requestBody: {} }), '#/paths//jobs/get', 'requestBody: {}'],
    [withOperation({ parameters: [{ ...parameter, in: 'query' }] }),
      '#/paths//jobs/get/parameters/full', 'in: "query"'],
    [withOperation({ parameters: [{ ...parameter, style: 'simple' }] }),
      '#/paths//jobs/get/parameters/full', 'style: "simple"'],
    [withOperation({ responses: { 200: { description: 'd', content, links: {} } } }),
      '#/paths//jobs/get/responses/200', 'links: {}'],
    [withOperation({ responses: { 200: { description: 'd', content: { ...content, 'text/xml': {} } } } }),
      '#/paths//jobs/get/responses/200/content', 'text/xml: {}']
  ]
  for (const [document, place, construct] of cases) {
    const message = `openapi.json, ${place}: the generator does not know ${construct}`
    t.throws(() => generate(document), { message }, construct)
  }
})
