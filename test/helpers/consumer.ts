import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { Test } from 'tap'

export const run = promisify(execFile)

/** The entry of an installed package in the lock file; the key is its path. */
interface LockedPackage {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

const { packages }: { packages: Record<string, LockedPackage> } = JSON.parse(readFileSync('package-lock.json', 'utf8'))

/** The paths of these packages and of all their dependencies, as npm installed them here. */
export function withDependencies (names: readonly string[]): string[] {
  const paths = new Set<string>()
  const visit = (name: string, from: string) => {
    const path = pathOf(name, from)
    // Optional packages for other platforms are in the lock file, but not installed.
    if (path === undefined || paths.has(path) || !existsSync(path)) return
    paths.add(path)
    const { dependencies, optionalDependencies } = packages[path] ?? {}
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) visit(each, path)
  }
  for (const name of names) visit(name, '')
  return [...paths]
}

/** The path of a package's dependency: in its own node_modules, or in that of a parent folder. */
function pathOf (name: string, from: string): string | undefined {
  const path = join(from, 'node_modules', name)
  if (path in packages) return path
  return from === '' ? undefined : pathOf(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))))
}

/** A project with this package and the given packages only. */
export interface Consumer {
  folder: string
  /** The packed package. */
  tarball: string
  /** Writes a file of the project and returns its path. */
  write: (name: string, content: string) => string
}

/**
 * Packs this package and installs it into an empty project, with its dependencies and the named packages: copies of the
 * packages installed here, so that no registry is needed. The project is outside the repository, so that it does not find the
 * repository's packages.
 */
export async function installed (t: Test, beside: readonly string[]): Promise<Consumer> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'consumer-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { name, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))

  for (const path of withDependencies([...Object.keys(dependencies), ...beside])) {
    const nested = join(path, 'node_modules')
    cpSync(path, join(folder, path), { recursive: true, filter: (source) => source !== nested })
  }
  // Packs the existing build: npm test has built it before.
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--offline', '--json', '--pack-destination', folder])
  const [{ filename }] = JSON.parse(stdout)
  const tarball = join(folder, filename)
  const home = join(folder, 'node_modules', name)
  mkdirSync(home)
  await run('tar', ['-xzf', tarball, '-C', home, '--strip-components=1'])

  const write = (file: string, content: string) => {
    writeFileSync(join(folder, file), content)
    return join(folder, file)
  }
  write('package.json', JSON.stringify({ private: true, type: 'module' }))
  return { folder, tarball, write }
}
