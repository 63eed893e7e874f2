// After the tests: how many answers were held against the document, and whether there were any at all.
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

console.log(`# ${answers} answers of ${processes} processes held against the OpenAPI document of a running server: ` +
  `${off.length} off it (${rewritten} more were rewritten by their host)`)
// One file alone may have none; all of them have, or nobody has looked.
if (off.length > 0 || (answers === 0 && process.env.CI === 'true')) process.exitCode = 1
