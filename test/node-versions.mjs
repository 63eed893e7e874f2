// Runs the tests on each supported line of Node.js except the line that runs this: `npm test` is for that one.
// `npm run test:node-versions`; with release numbers, the whole suite on these: `npm run test:node-versions -- 20.19.0`.
import { spawnSync } from 'node:child_process'

/** The tests of the features that differ between releases of Node.js: loading, HTTP, processes, cryptography, and the drivers of the engines. */
const SMOKE = [
  'package', 'readme', 'docs', 'fabric-job-state', 'fabric-jobs', 'deadline', 'key-endpoint', 'attacks', 'fuzz',
  'hosts/adapters', 'hosts/process-safety', 'hosts/servers', 'hosts/stop',
  'subject-and-app/signing-keys', 'testing/fabric', 'engines/pg-boss-work', 'engines/bullmq-processor'
].map((name) => `test/${name}.test.ts`)

const WHOLE = []

/** The oldest supported release, and the newest of each line that the npm registry has, with the tests that CI runs on it. */
const RELEASES = { '20.19.0': SMOKE, '20.20.2': WHOLE, '22.23.3': SMOKE, '24.21.0': SMOKE, '26.10.0': WHOLE }

const lineOf = (release) => release.split('.')[0]
const isAtHand = (release, files) => release === process.versions.node ||
  (files === WHOLE && lineOf(release) === lineOf(process.versions.node))

const chosen = process.argv.slice(2)
const runs = chosen.length > 0
  ? chosen.map((release) => [release, WHOLE])
  : Object.entries(RELEASES).filter(([release, files]) => !isAtHand(release, files))

const platform = process.platform === 'win32' ? 'win' : process.platform

for (const [release, files] of runs) {
  // npm's cache keeps the binary; it stands first in the PATH of the command, and of all that the command starts.
  const binary = `node-${platform}-${process.arch}@${release}`
  const command = ['node --version', ['tap', '--disable-coverage', ...files].join(' ')].join(' && ')
  console.log(`# Node.js ${release}: ${files === WHOLE ? 'all tests' : `${files.length} test files`}`)
  const { status } = spawnSync('npm', ['exec', '--yes', `--package=${binary}`, '--call', command], { stdio: 'inherit' })
  if (status !== 0) {
    console.error(`The tests have failed on Node.js ${release}`)
    process.exitCode = 1
  }
}
