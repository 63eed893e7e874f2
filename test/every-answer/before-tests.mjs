// Before the tests; in a process of its own, in which tap is not to count what is covered: it would, also where it was told
// not to.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('emit-document.mjs', import.meta.url))], {
  env: { ...process.env, _TAPJS_PROCESSINFO_COVERAGE_: '0' }, stdio: 'inherit'
})
process.exitCode = status ?? 1
