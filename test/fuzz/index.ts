/**
 * Sends random requests to servers with random resolvers, and checks the three promises.
 *
 *     npm run fuzz
 *     npm run fuzz -- --seed 7 --requests 1000000
 *     npm run fuzz -- --seed 7 --only 1234        # one conversation of a run, as a failure says
 */
import { parseArgs } from 'node:util'

import { fuzz } from './run.js'

const { values } = parseArgs({
  options: { seed: { type: 'string' }, requests: { type: 'string', default: '200000' }, only: { type: 'string' } }
})
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const only = values.only?.split(',').map(Number)

console.log(`seed ${seed}`)
const { violations, requests, conversations, seconds, asked, heap, logLines, unparsableLines, ...tallies } =
  await fuzz({ seed, requests: Number(values.requests), ...(only !== undefined && { only }) })

console.log(`${requests} requests over ${conversations} connections in ${seconds.toFixed(0)} s; the resolver was called ${asked} times`)
for (const [name, tally] of Object.entries(tallies)) console.log(`${name}: ${tally}`)
console.log(`log: ${logLines} lines at trace, without a token except in ${unparsableLines} with bytes that Node could not parse`)
console.log(`heap: ${heap.early.toFixed(1)} MiB after a tenth of the requests, ${heap.late.toFixed(1)} MiB after all`)
for (const violation of violations.slice(0, 10)) console.error(`\n${violation}`)
process.exitCode = violations.length === 0 ? 0 : 1
