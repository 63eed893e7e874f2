import { readFileSync } from 'node:fs'

import t from 'tap'

import { withDependencies } from './helpers/consumer.js'

const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))

/** Permissive licences: they require only their text beside the code (Apache-2.0: also its notices). */
const ALLOWED = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'Apache-2.0']

/** Supports SPDX expressions that are single licences or choices between several. */
function isAllowed (licence: unknown): boolean {
  return typeof licence === 'string' && licence.replace(/^\((.*)\)$/, '$1').split(' OR ').some((each) => ALLOWED.includes(each))
}

for (const [what, names] of Object.entries({
  'the dependencies': Object.keys(dependencies),
  'Fastify and the engines, which the host installs': Object.keys(peerDependencies)
})) {
  t.test(`${what}, and their own dependencies, have permissive licences`, async (t) => {
    const paths = withDependencies(names)
    t.ok(paths.length > names.length, `${paths.length} packages`)
    for (const path of paths) {
      const { name, version, license } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'))
      t.ok(isAllowed(license), `${name} ${version}: ${license}`)
    }
  })
}

t.test('a licence that is not in the list is not allowed', async (t) => {
  t.same(['GPL-3.0', 'MIT AND GPL-3.0', undefined, { type: 'MIT' }, 'SEE LICENSE IN LICENSE'].filter(isAllowed), [])
  t.ok(isAllowed('(WTFPL OR MIT)'))
})
