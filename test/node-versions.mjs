// Runs the tests on each line of Node.js that is supported, but for the release at hand: that one is for `npm test`, which
// has built and checked everything before, and counts what is covered. `npm run test:node-versions`; arguments are tap's.
import { spawnSync } from 'node:child_process'

/** One release of each line, as the npm registry has them, and the oldest that is supported. */
const RELEASES = ['20.20.2', '22.23.3', '24.21.0']

const platform = process.platform === 'win32' ? 'win' : process.platform

for (const release of RELEASES.filter((release) => release !== process.versions.node)) {
  // npm's cache keeps the binary; it stands first in the PATH of the command, and of all that the command starts.
  const binary = `node-${platform}-${process.arch}@${release}`
  const command = ['node --version', ['tap', '--disable-coverage', ...process.argv.slice(2)].join(' ')].join(' && ')
  console.log(`# Node.js ${release}`)
  const { status } = spawnSync('npm', ['exec', '--yes', `--package=${binary}`, '--call', command], { stdio: 'inherit' })
  if (status !== 0) {
    console.error(`The tests have failed on Node.js ${release}`)
    process.exitCode = 1
  }
}
