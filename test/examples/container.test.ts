import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import t from 'tap'

// The container needs a container engine; these are the mistakes that can be found without one.

const DOCKERFILE = readFileSync('examples/workload/Dockerfile', 'utf8')
const instructions = (name: string): string[] => [...DOCKERFILE.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, rest = '']) => rest)

const root: { name: string, dependencies: Record<string, string>, devDependencies: Record<string, string> } =
  JSON.parse(readFileSync('package.json', 'utf8'))
const installed = [...DOCKERFILE.matchAll(/dependencies\.([^=\s]+)=\*/g)].map(([, name = '']) => name)

t.test('The Dockerfile copies files that exist and that .dockerignore does not leave out', async (t) => {
  const allowed: string[] = readFileSync('.dockerignore', 'utf8').match(/(?<=^!).+$/gm) ?? []
  const sources = instructions('COPY').filter((copy) => !copy.startsWith('--from')).flatMap((copy) => copy.split(' ').slice(0, -1))
  t.ok(sources.length > 5)
  for (const source of sources) {
    t.ok(existsSync(source), source)
    t.ok(allowed.includes(source.replace(/\/.*/, '')), source)
  }
})

t.test('The Dockerfile runs node itself, as another user than root', async (t) => {
  t.strictSame(instructions('CMD'), ['["node", "dist/examples/server.js"]'])
  t.strictSame(instructions('USER'), ['node'])
})

t.test('The image installs the packages that the servers import, in the versions that the tests use', async (t) => {
  const imported = new Set(['server.js', 'bullmq.js'].flatMap((file) => [...packagesOf(join('dist/examples', file))]))
  t.ok(imported.has('pg-boss'))
  for (const name of imported) {
    t.ok(installed.includes(name) || name in root.dependencies || name === root.name, name)
  }
  // The lock file has their versions.
  for (const name of installed) t.ok(name in root.devDependencies, name)
})

/** The packages that a module of the build imports, and the modules that it imports. */
function packagesOf (file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return new Set()
  seen.add(file)
  const packages = new Set<string>()
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export) [^'"]*from ['"]([^'"]+)['"]/gm)) {
    if (specifier.startsWith('.')) for (const name of packagesOf(join(dirname(file), specifier), seen)) packages.add(name)
    else if (!specifier.startsWith('node:')) packages.add(specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/'))
  }
  return packages
}

t.test('The compose file gives the servers the variables of the app registration, and two replicas to the proxy', async (t) => {
  const compose = readFileSync('examples/workload/compose.yaml', 'utf8')
  const { AUTHENTICATION_VARIABLES } = await import('../../examples/workload/settings.js')
  for (const name of Object.values(AUTHENTICATION_VARIABLES)) t.match(compose, `${name}: \${${name}:`)
  const [, replicas = ''] = /REPLICAS: (.*)/.exec(compose) ?? []
  t.strictSame(replicas.split(' '), ['server-1:3000', 'server-2:3000'])
  for (const replica of replicas.split(' ')) t.match(compose, `\n  ${replica.replace(':3000', '')}: *server\n`)
})
