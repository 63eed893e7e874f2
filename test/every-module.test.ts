import { readdirSync } from 'node:fs'

import t from 'tap'

// Coverage counts only modules that a test loads: this test loads them all, so that none is left out.
for (const folder of ['lib', 'schemas']) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  for (const file of files) {
    t.test(`importing ${folder}/${file} has no side effect`, async (t) => {
      const before = process.getActiveResourcesInfo().length
      await import(`../${folder}/${file.replace(/\.ts$/, '.js')}`)
      t.ok(process.getActiveResourcesInfo().length <= before, 'the import opens no handle')
    })
  }
}
