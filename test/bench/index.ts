/**
 * Measures what the plugin costs, side by side with what it is built on and with what people write today.
 *
 *     npm run bench
 *     npm run bench -- --json figures.json --chart chart.svg
 *     npm run bench -- --only plugin-seen --only express --passes 3
 */
import { writeFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform } from 'node:os'
import { parseArgs } from 'node:util'

import { createFabric } from '../../lib/testing/index.js'
import { chart } from './chart.js'
import { BASE, contenders } from './contenders.js'
import { median, type Measurements } from './figures.js'
import { type Conditions, measure } from './measure.js'
import { measureOneOff } from './one-off.js'
import { contenderTable, targetTable } from './report.js'
import { prepareRequests } from './requests.js'
import { type Figures, targets } from './targets.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    /** How often all servers are started anew, … */
    passes: { type: 'string', default: '3' },
    /** … and how often besides those whose bounds are near: what a process costs differs by some percent each time. */
    'close-passes': { type: 'string', default: '8' },
    /** How long each is under load in a pass, … */
    seconds: { type: 'string', default: '1.8' },
    /** … and in how many turns. */
    turns: { type: 'string', default: '6' },
    json: { type: 'string' },
    chart: { type: 'string' },
    'cpu-prof': { type: 'string' }
  }
})
const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'CPU'}, Node.js ${process.versions.node}, ${platform()} ${arch()}`
const isChosen = (name: string) => values.only.length === 0 || name === BASE || values.only.includes(name)
const chosen = contenders.filter(({ name }) => isChosen(name))

const fabric = createFabric()
const keyEndpoint = await fabric.listen()
const { authority, issuerV1, publisherTenantId, audience, clientId } = fabric.registration
const registration = { authority, issuerV1, publisherTenantId, audience, clientId, jwksUri: keyEndpoint.jwksUri }
const requests = await prepareRequests(fabric)
const profile = values['cpu-prof']
const conditions: Conditions = {
  requests,
  registration,
  seconds: Number(values.seconds),
  turns: Number(values.turns),
  ...(profile !== undefined && { execArgv: ['--cpu-prof', `--cpu-prof-dir=${profile}`] })
}

/** Adds passes, one after the other, of some contenders to what was measured. */
async function addPasses (measurements: Measurements, count: string, some: typeof contenders, conditions: Conditions): Promise<void> {
  for (let pass = 0; pass < Number(count); pass++) {
    for (const [name, measurement] of await measure(some, conditions)) {
      measurements.set(name, [...measurements.get(name) ?? [], measurement])
    }
  }
}

console.log(machine)
const saturated: Measurements = new Map()
await addPasses(saturated, values.passes, chosen, conditions)
await addPasses(saturated, values['close-passes'], chosen.filter(({ isCloseCall }) => isCloseCall), conditions)
console.log(`\n${contenderTable(chosen, saturated)}`)

// Half of what each was seen to answer, in many turns: what is late is so by a pause, of the machine or to collect garbage,
// which is ten times as long in one turn as in the next.
const halves = new Map(chosen.map(({ name }) => [name, median(saturated, name, 'requestsPerSecond') / 2]))
const patient = chosen.filter(({ name }) => [BASE, 'plugin', 'plugin-seen'].includes(name))
const halfway: Measurements = new Map()
const patience = { seconds: 2 * conditions.seconds, turns: 3 * conditions.turns, rates: halves }
await addPasses(halfway, values.passes, patient, { ...conditions, ...patience })
console.log(`\nAt half of saturation\n${contenderTable(patient, halfway)}`)

const oneOff = isChosen('plugin-seen') ? await measureOneOff(requests, registration) : undefined
await keyEndpoint.close()

const figures: Figures = { saturated, halfway, oneOff }
console.log(`\n${targetTable(targets(figures))}`)
if (values.json !== undefined) {
  const { saturated, halfway } = { saturated: Object.fromEntries(figures.saturated), halfway: Object.fromEntries(figures.halfway) }
  writeFileSync(values.json, `${JSON.stringify({ machine, saturated, halfway, oneOff, targets: targets(figures) }, undefined, 2)}\n`)
}
if (values.chart !== undefined) writeFileSync(values.chart, chart(chosen, saturated, machine))
