/**
 * Measures what the plugin costs, side by side with what it is built on and with what people write today.
 *
 *     npm run bench
 *     npm run bench -- --only plugin-seen --only express --seconds 5 --json figures.json
 */
import { parseArgs } from 'node:util'

import { createFabric } from '../../lib/testing/index.js'
import { BASE, contenders } from './contenders.js'
import type { Measurements } from './figures.js'
import { measure } from './measure.js'
import { table } from './report.js'
import { prepareRequests } from './requests.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '1.5' },
    rounds: { type: 'string', default: '5' },
    'cpu-prof': { type: 'string' }
  }
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const profile = values['cpu-prof']
const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
const chosen = contenders.filter(({ name }) => values.only.length === 0 || name === BASE || values.only.includes(name))

const fabric = createFabric()
const keyEndpoint = await fabric.listen()
const { authority, issuerV1, publisherTenantId, audience, clientId } = fabric.registration
const registration = { authority, issuerV1, publisherTenantId, audience, clientId, jwksUri: keyEndpoint.jwksUri }
const requests = await prepareRequests(fabric)

const measurements: Measurements = new Map(chosen.map(({ name }) => [name, []]))
for (let round = 0; round < rounds; round++) {
  // There and back again, so that none always comes after the same other.
  for (const contender of round % 2 === 0 ? chosen : chosen.toReversed()) {
    const measurement = await measure(contender, { requests, registration, seconds, execArgv })
    measurements.get(contender.name)?.push(measurement)
  }
}
console.log(table(chosen, measurements))
await keyEndpoint.close()
