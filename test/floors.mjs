// Installs the package beside the oldest release of each range in package.json, and runs the smoke test there.
// `npm run test:floors`; arguments name other releases to try: `npm run test:floors -- jose@6.0.0 fastify@5.5.0`.
// It needs the registry, and installs outside the repository.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'floors-'))

/** Runs a command, by default in the project, and returns its output. */
function run (command, args, { cwd = folder, stdout = 'inherit' } = {}) {
  const { status, output } = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', stdout, 'inherit'] })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} has failed`)
  return output[1]
}

/** The oldest release of a range. Those here begin with it: `^6.0.0`, `^6.0.0 || ^7.0.0`. */
const floorOf = (range) => /\d+\.\d+\.\d+/.exec(range)[0]

/** Engines are checked at registration: a range would prevent hosts from installing the package with another release. */
const floors = { bullmq: '6.0.0', ioredis: '5.0.0', 'pg-boss': '12.38.0' }
for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies })) {
  if (range !== '*') floors[name] = floorOf(range)
}
for (const argument of process.argv.slice(2)) {
  const [, name, version] = /^(.+)@(.+)$/.exec(argument)
  floors[name] = version
}

try {
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: '.', stdout: 'pipe' })
  const [{ filename }] = JSON.parse(packed)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({
    private: true,
    type: 'module',
    dependencies: { [manifest.name]: `file:${filename}`, ...floors },
    // Also for packages that depend on each other: each is installed once, at its oldest release.
    overrides: Object.fromEntries(Object.keys(floors).map((name) => [name, `$${name}`]))
  }))
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'])
  run('npm', ['ls', '--depth=0'])
  for (const script of ['smoke.mjs', 'engines.mjs']) {
    cpSync(new URL(`floors/${script}`, import.meta.url), join(folder, script))
    run(process.execPath, [script])
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
