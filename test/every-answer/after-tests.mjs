// After the tests: prints how many responses were compared with the document, and fails if there were none.
import { readdirSync, readFileSync } from 'node:fs'

import { recordFolder } from './files.mjs'

let answers = 0
let rewritten = 0
let processes = 0
const off = []
for (const file of readdirSync(recordFolder).filter((name) => /^\d/.test(name))) {
  const held = JSON.parse(readFileSync(recordFolder + file, 'utf8'))
  answers += held.answers
  rewritten += held.rewritten
  off.push(...held.off)
  processes++
}

console.log(`# ${answers} responses of ${processes} processes compared with the OpenAPI document of a running server: ` +
  `${off.length} differ (${rewritten} more were rewritten by their host)`)
// A single test file may send none, but the whole run must have some.
if (off.length > 0 || (answers === 0 && process.env.CI === 'true')) process.exitCode = 1
