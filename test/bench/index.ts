/**
 * Measures what a poll costs with this plugin, with what it is built on, and with other ways to write the endpoint.
 *
 *     npm run bench
 *     npm run bench -- --chart test/bench/chart.svg
 *     npm run bench -- --only seen --only express --processes 3
 *     npm run bench -- --quick
 *
 * Each figure is the median over several fresh server processes, which are measured in turns. This process generates the
 * load and has signed the tokens: a server that has signed tokens itself is slower.
 */
import { writeFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform } from 'node:os'
import { parseArgs } from 'node:util'

import { createFabric } from '../../lib/testing/index.js'
import { chart } from './chart.js'
import { BASE, type Contender, others, polls } from './contenders.js'
import type { Measurement } from './figures.js'
import { type Conditions, measure, measureMemoryPerToken, measureStartup } from './measure.js'
import { contenderTable, startupTable, targetTable } from './report.js'
import { prepareRequests } from './requests.js'
import type { Startup } from './startup.js'
import { targets } from './targets.js'

const { values } = parseArgs({
  options: {
    /** Measures these contenders, and the one that they are compared with; default: all, start-up and memory too. */
    only: { type: 'string', multiple: true, default: [] },
    /** How many processes of each are measured; default: 7. */
    processes: { type: 'string' },
    /** How long each is under load, after at least as long to warm up; default: 1. */
    seconds: { type: 'string' },
    /** Shows within a minute that everything works; its figures mean little. */
    quick: { type: 'boolean', default: false },
    /** Where to write the chart. */
    chart: { type: 'string' }
  }
})
const processes = Number(values.processes ?? (values.quick ? 1 : 7))
const seconds = Number(values.seconds ?? (values.quick ? 0.3 : 1))
const isComplete = values.only.length === 0
const chosen = (list: Contender[]) => list.filter(({ name }) => isComplete || name === BASE || values.only.includes(name))
const groups = [chosen(polls), chosen(others)]
const contenders = groups.flat()
const unknown = values.only.filter((only) => !contenders.some(({ name }) => name === only))
if (unknown.length > 0) throw new RangeError(`Unknown: ${unknown.join(', ')}; known: ${[...polls, ...others].map(({ name }) => name).join(', ')}`)

const machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, Node.js ${process.versions.node}, ` +
  `${platform()} ${arch()}, ${new Date().toISOString().slice(0, 10)}`
const method = values.quick ? 'Quick: shows that the bench works, its figures mean little' : 'Medians (and quartiles), measured in turns'
console.log(`${machine}\n${method}; processes of each: ${processes}, seconds under load: ${seconds}\n`)

const fabric = createFabric()
const keyEndpoint = await fabric.listen()
const { authority, issuerV1, publisherTenantId, audience, clientId } = fabric.registration
const registration = { authority, issuerV1, publisherTenantId, audience, clientId, jwksUri: keyEndpoint.jwksUri }
const conditions: Conditions = { requests: await prepareRequests(fabric), registration, seconds }

const measurements = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]))
const [withPlugin, withoutPlugin]: [Startup[], Startup[]] = [[], []]
const memory: number[] = []
for (let turn = 0; turn < processes; turn++) {
  // In reverse every other turn, so that no contender always comes after the same other one.
  for (const contender of turn % 2 === 0 ? contenders : contenders.toReversed()) {
    measurements.get(contender.name)?.push(await measure(contender, conditions))
  }
  if (isComplete) {
    withPlugin.push(await measureStartup(registration))
    withoutPlugin.push(await measureStartup())
    memory.push(await measureMemoryPerToken(conditions))
  }
}
await keyEndpoint.close()

for (const group of groups.filter(({ length }) => length > 0)) console.log(`${contenderTable(group, measurements)}\n`)
if (isComplete) console.log(`${startupTable(withPlugin, withoutPlugin)}\n`)
const judged = targets({ measurements, startups: { withPlugin, withoutPlugin }, memory })
if (judged.length > 0) console.log(targetTable(judged))
if (values.chart !== undefined) writeFileSync(values.chart, chart(chosen(polls), measurements, machine))
