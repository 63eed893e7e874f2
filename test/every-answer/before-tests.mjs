// Runs before the tests, in a separate process without tap's coverage, which tap would otherwise collect even if it is
// disabled.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('emit-document.mjs', import.meta.url))], {
  env: { ...process.env, _TAPJS_PROCESSINFO_COVERAGE_: '0' }, stdio: 'inherit'
})
process.exitCode = status ?? 1
