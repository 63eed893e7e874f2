import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'
import ts from 'typescript'

// What an editor shows of the package, asked of the service that editors ask: each public name, and each property of
// each public type, says what it is.

const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.keys(exports).filter((entry) => entry !== './package.json').map((entry) => join(name, entry))

/** Whether this package has declared it. */
function isOwn (declaration: ts.Declaration): boolean {
  const { fileName } = declaration.getSourceFile()
  return fileName.startsWith(process.cwd()) && !fileName.includes('node_modules')
}

/** A module of a user's, which writes down all that it asks about. */
const file = join(process.cwd(), 'test', 'a-users-module.ts')
let code = ''
let version = 0

const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.')
const service = ts.createLanguageService({
  getCompilationSettings: () => options,
  getScriptFileNames: () => [file],
  getScriptVersion: (path) => path === file ? String(version) : '',
  getScriptSnapshot (path) {
    const text = path === file ? code : ts.sys.readFile(path)
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
  },
  getCurrentDirectory: () => process.cwd(),
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  fileExists: ts.sys.fileExists,
  readFile: ts.sys.readFile,
  directoryExists: ts.sys.directoryExists,
  getDirectories: ts.sys.getDirectories
})

/** Lets the user write, and gives the compiler's view of it. */
function write (text: string) {
  code = text
  version++
  const program = service.getProgram()
  const source = program?.getSourceFile(file)
  if (program === undefined || source === undefined) throw new Error('The service has no program')
  return { checker: program.getTypeChecker(), source }
}

/** What an editor shows beside the signature, with the pointer on the last letter of this text. */
function shown (text: string): string {
  const info = service.getQuickInfoAtPosition(file, code.lastIndexOf(text) + text.length - 1)
  return ts.displayPartsToString(info?.documentation)
}

/** The names that an entry exports, and of its types the properties that this package has declared. */
function publicNames (entry: string): { names: string[], properties: Array<[type: string, property: string]> } {
  const { checker, source } = write(`import * as all from '${entry}'`)
  const [statement] = source.statements
  if (statement === undefined || !ts.isImportDeclaration(statement)) throw new Error('The user has written no import')
  const module = checker.getSymbolAtLocation(statement.moduleSpecifier)
  if (module === undefined) throw new Error(`There is no ${entry}`)

  const symbols = checker.getExportsOfModule(module)
    .map((symbol) => symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)
  const types = symbols.filter(({ flags }) => flags & ts.SymbolFlags.Type)
  return {
    names: symbols.map((symbol) => symbol.name),
    properties: types.flatMap((type) => checker.getDeclaredTypeOfSymbol(type).getProperties()
      .filter((property) => property.declarations?.some(isOwn))
      .filter((property) => !/^(?:__|#)/.test(property.name))
      .map((property): [string, string] => [type.name, property.name]))
  }
}

for (const entry of entries) {
  t.test(`an editor says what each name of ${entry} is`, async (t) => {
    const { names, properties } = publicNames(entry)
    write(`import { ${names.join(', ')} } from '${entry}'\n` + properties.map(([type, property]) =>
      `declare const a${type}: ${type}\na${type}['${property}']\n`).join(''))
    t.ok(names.length > 0)
    for (const each of names) t.ok(shown(`import { ${names.slice(0, names.indexOf(each) + 1).join(', ')}`), each)
    for (const [type, property] of properties) t.ok(shown(`a${type}['${property}`), `${type}.${property}`)
  })
}

t.test('an editor says what subjectAndApp puts into the host\'s server', async (t) => {
  write(`import Fastify from 'fastify'\nimport '${name}'\nconst app = Fastify()\n` +
    'app.get(\'/\', { onRequest: app.authenticateSubjectAndApp }, (request) => request.fabricCaller)')
  t.match(shown('app.authenticateSubjectAndApp'), 'rejects every request without valid tokens')
  t.match(shown('request.fabricCaller'), 'The caller, once the request is authenticated')
})

t.test('an editor says how an option is used and what it is by default', async (t) => {
  write(`import { fabricJobState, type FabricJobStateOptions } from '${name}'\ndeclare const options: FabricJobStateOptions\noptions.resolverTimeout`)
  const tags = (text: string) => service.getQuickInfoAtPosition(file, code.lastIndexOf(text))?.tags
    ?.map(({ name, text }) => [name, ts.displayPartsToString(text)])
  t.match(tags('resolverTimeout'), [['default', '10_000']])
  t.match(tags('fabricJobState,'), [['throws'], ['example', /await app\.register\(fabricJobState/]])
})
