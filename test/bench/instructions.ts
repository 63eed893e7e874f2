/**
 * Counts the instructions of the server for each poll, of this checkout and of another, with valgrind. Unlike CPU time they are
 * the same on a busy machine, within 3%: V8 does not optimize the same in every process. The kernel's are not counted.
 *
 *     npm run bench:instructions -- ../other-checkout
 *     npm run bench:instructions -- ../other-checkout --case seen --case 404
 *
 * The other checkout is installed and built. It takes minutes for each case, because a server is 50 times slower in valgrind.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { createFabric } from '../../lib/testing/index.js'
import { connectClients } from './client.js'
import { type Contender, others, polls } from './contenders.js'
import { inTurn } from './in-turn.js'
import { generateLoad } from './load.js'
import { prepareRequests } from './requests.js'
import { answerOf } from './server-process.js'

const SERVER = fileURLToPath(new URL('instructions-server.js', import.meta.url))
const CONNECTIONS = 8

/** Enough polls that V8 has optimized what it will optimize: its compiler would be counted. */
const WARM_UP = 30_000
const COUNTED = 5_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { case: { type: 'string', multiple: true, default: ['plugin', 'seen', '400', '404', '401'] } }
})
const other = positionals[0]
if (other === undefined) throw new TypeError('Which checkout to compare with? npm run bench:instructions -- ../other-checkout')

const fabric = createFabric()
const { authentication, close } = await fabric.listen()
const requests = await prepareRequests(fabric)
const directory = mkdtempSync(join(tmpdir(), 'instructions-'))

for (const name of values.case) {
  const contender = [...polls, ...others].find((contender) => contender.name === name && contender.module === 'plugin')
  if (contender === undefined) throw new RangeError(`No such case: ${name}`)
  const [before, now] = await Promise.all([count(contender, resolve(other)), count(contender, process.cwd())])
  console.log(`${name}: ${Math.round(before)} instructions for each poll there, ${Math.round(now)} here, ratio ${(now / before).toFixed(3)}`)
}
await close()
rmSync(directory, { recursive: true })

async function count (contender: Contender, checkout: string): Promise<number> {
  const file = join(directory, `${contender.name}-${checkout.replaceAll('/', '-')}`)
  // One thread, and a heap that V8 need not enlarge: less varies from run to run.
  const server = fork(SERVER, [JSON.stringify({ checkout, contender, authentication })], {
    execPath: 'valgrind',
    execArgv: ['--tool=callgrind', '--smc-check=all-non-file', '--quiet', `--callgrind-out-file=${file}`,
      process.execPath, '--single-threaded', '--initial-old-space-size=256']
  })
  const clients = await connectClients(await answerOf<number>(server), CONNECTIONS)
  const load = { next: inTurn(requests[contender.requests ?? 'seen']), statusCode: contender.statusCode ?? 200, seconds: 0 }
  await generateLoad(clients, { ...load, atLeast: WARM_UP })
  control(server.pid, '--zero')
  await generateLoad(clients, { ...load, atLeast: COUNTED })
  control(server.pid, '--dump')
  for (const client of clients) client.close()
  server.kill()
  await once(server, 'exit')
  const summary = /^summary: (\d+)/m.exec(readFileSync(`${file}.1`, 'utf8'))?.[1]
  return Number(summary) / COUNTED
}

function control (pid: number | undefined, action: string): void {
  execFileSync('callgrind_control', [action, String(pid)], { stdio: 'ignore' })
}
