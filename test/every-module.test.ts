import { readdirSync } from 'node:fs'

import t from 'tap'

// Coverage counts the modules that a test loads: loading them all keeps one from hiding untested.
for (const folder of ['lib', 'schemas']) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  for (const file of files) {
    t.test(`${folder}/${file} does nothing at import but give its exports`, async (t) => {
      const before = process.getActiveResourcesInfo().length
      await import(`../${folder}/${file.replace(/\.ts$/, '.js')}`)
      t.ok(process.getActiveResourcesInfo().length <= before, 'opens no handle')
    })
  }
}
