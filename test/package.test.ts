// The packed package, installed into an empty project, as users get it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import t from 'tap'
import ts from 'typescript'

import { installed, run, withDependencies } from './helpers/consumer.js'

// The compiler runs three times, each time with all types of Fastify.
t.setTimeout(300_000)

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const project = await installed(t, ['fastify', '@types/node'])
const home = join(project.folder, 'node_modules', manifest.name)

t.test('the package contains the build, its types and the documents, and nothing else', async (t) => {
  const files = readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(home.length + 1))
  const built = files.filter((file) => /^dist\/(lib|schemas)\/.*(?<!\.d)\.js$/.test(file))
  const expected = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']
    .concat(built, built.map((file) => file.replace(/js$/, 'd.ts')))
  t.strictSame(files.sort(), expected.sort())
  t.notOk(built.includes('dist/schemas/generate.js'), 'the package does not contain the generator')
  for (const file of built) {
    t.ok(existsSync(file.replace(/^dist\/(.*)js$/, '$1ts')), `${file} has a source`)
    t.notMatch(readFileSync(join(home, file), 'utf8'), 'sourceMappingURL', `${file} names no source map`)
  }
})

t.test('the package and its dependencies have no install scripts', async (t) => {
  for (const path of ['.', ...withDependencies(Object.keys(manifest.dependencies))]) {
    const { name, scripts = {} } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
    t.same(['preinstall', 'install', 'postinstall'].filter((script) => script in scripts), [], name)
    t.notOk(existsSync(join(path, 'binding.gyp')), `${name} compiles nothing`)
  }
})

t.test('npm warns of no engine but those that the README names', async (t) => {
  const semver: unknown = createRequire(createRequire(import.meta.url).resolve('fastify'))('semver')
  const satisfies = (version: string, range: string) =>
    Reflect.apply(Reflect.get(Object(semver), 'satisfies'), semver, [version, range]) === true
  const paths = withDependencies([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)])
  const warned = (version: string) => paths
    .map((path) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')))
    .filter(({ engines }) => engines?.node !== undefined && !satisfies(version, engines.node))
    .map(({ name }) => name)
  t.strictSame(warned('20.19.0').sort(), ['cookie', 'pg-boss'])
  for (const version of ['22.12.0', '24.0.0', '26.0.0']) t.strictSame(warned(version), [], version)
  t.ok(satisfies('20.19.0', manifest.engines.node) && !satisfies('20.18.0', manifest.engines.node))
  t.match(readFileSync('README.md', 'utf8'), /On Node\.js 20, npm prints `EBADENGINE` warnings for `cookie`, [^.]+ and for\npg-boss 12/)
})

const imports = { Fastify: 'fastify', plugin: manifest.name, testing: `${manifest.name}/testing` }

/** Code that polls as Fabric does; it uses Fastify, the plugin and the testing entry. */
const USE = `
async function main () {
  const fabric = testing.createFabric()
  const app = Fastify.default()
  await app.register(plugin.default, {
    authentication: fabric.authentication,
    resolveJobState () { throw new plugin.WorkloadError({ statusCode: 409, errorCode: 'a', message: 'b', source: 'User' }) }
  })
  const { statusCode, body } = await app.inject(await fabric.poll())
  console.log(statusCode, body)
}
main()`
const ANSWER = '409 {"errorCode":"a","message":"b","source":"User"}\n'

t.test('the package can be imported from an ES module', async (t) => {
  const statements = Object.entries(imports).map(([name, from]) => `import * as ${name} from '${from}'`)
  const script = project.write('use.mjs', [...statements, USE].join('\n'))
  t.strictSame(await run(process.execPath, [script], { cwd: project.folder }), { stdout: ANSWER, stderr: '' })
})

t.test('the package can be required from CommonJS without a warning', async (t) => {
  const statements = Object.entries(imports).map(([name, from]) => `const ${name} = require('${from}')`)
  const script = project.write('use.cjs', [...statements, USE].join('\n'))
  t.strictSame(await run(process.execPath, [script], { cwd: project.folder }), { stdout: ANSWER, stderr: '' })
})

t.test('each entry can be imported without an installed engine', async (t) => {
  const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json')
  const script = project.write('entries.mjs', `
    const imported = (name) => import(name).then(() => name, (error) => error.code)
    const names = ${JSON.stringify([...entries.map((entry) => entry.replace('.', manifest.name)), 'pg-boss', 'bullmq'])}
    console.log(JSON.stringify(await Promise.all(names.map(imported))))`)
  const { stdout } = await run(process.execPath, [script], { cwd: project.folder })
  t.strictSame(JSON.parse(stdout), [
    'fastify-fabric-job-state',
    'fastify-fabric-job-state/schemas',
    'fastify-fabric-job-state/testing',
    'fastify-fabric-job-state/pg-boss',
    'fastify-fabric-job-state/bullmq',
    'ERR_MODULE_NOT_FOUND',
    'ERR_MODULE_NOT_FOUND'
  ])
})

/** Code of a host that uses the types of the entries that need no engine. */
const USE_OF_TYPES = `
import Fastify from 'fastify'
import fabricJobState, { type JobStateResolver, subjectAndApp, WorkloadError } from 'fastify-fabric-job-state'
import { ItemJobInstanceState } from 'fastify-fabric-job-state/schemas'
import { createFabric } from 'fastify-fabric-job-state/testing'
const resolveJobState: JobStateResolver = async ({ jobInstanceId }, { signal, caller }) => {
  if (jobInstanceId === caller?.tenantId) throw new WorkloadError({ statusCode: 409, errorCode: 'a', message: 'b', source: 'User' })
  return signal.aborted ? null : { status: 'InProgress', startTimeUtc: new Date() }
}
const app = Fastify()
app.register(subjectAndApp, createFabric().authentication)
app.register(fabricJobState, { prefix: '/workload-api', resolveJobState })
app.get('/', { onRequest: app.authenticateSubjectAndApp }, async ({ fabricCaller }) => fabricCaller?.subject?.claims.oid)
export const status: ItemJobInstanceState['status'] = 'Completed'
export const id: string | undefined = ItemJobInstanceState.$id
`

/** The compiler's errors for the files of a project. */
function problems (files: string[], options: ts.CompilerOptions): string[] {
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    strict: true,
    noEmit: true,
    typeRoots: [join(project.folder, 'node_modules/@types')],
    types: ['node'],
    ...options
  })
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) =>
    `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}

t.test('the types of the package compile without packages that are not installed', async (t) => {
  // With skipLibCheck: false, a missing import of the declarations is an error.
  t.strictSame(problems([project.write('types.ts', USE_OF_TYPES)], {
    module: ts.ModuleKind.Node16, skipLibCheck: false, exactOptionalPropertyTypes: true
  }), [])
})

t.test('the types of the package compile in a CommonJS project', async (t) => {
  t.strictSame(problems([project.write('types.cts', USE_OF_TYPES)], {
    module: ts.ModuleKind.NodeNext, skipLibCheck: true
  }), [])
})

t.test('the types of the package compile with the module resolution of bundlers, and report a mistake', async (t) => {
  const files = [
    project.write('bundler.ts', USE_OF_TYPES),
    project.write('mistake.ts', USE_OF_TYPES.replace("'InProgress'", "'Running'"))
  ]
  const [mistake, ...others] = problems(files, {
    module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, skipLibCheck: true
  })
  t.match(mistake, 'mistake.ts')
  t.match(mistake, '"Running"\' is not assignable')
  t.same(others, [])
})
