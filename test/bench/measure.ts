import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { connectClients } from './client.js'
import type { Contender, Registration } from './contenders.js'
import type { Measurement } from './figures.js'
import { inTurn } from './in-turn.js'
import { generateLoad } from './load.js'
import type { Requests } from './requests.js'
import { answerOf, ServerProcess } from './server-process.js'
import type { Startup } from './startup.js'

/** The conditions under which all contenders are measured. */
export interface Conditions {
  requests: Requests
  registration: Registration
  /** How long a server is under load; before that, at least as long to warm up. */
  seconds: number
}

const CONNECTIONS = 32

/** At least: more than there are users, so that all their tokens have been seen. */
const WARM_UP_REQUESTS = 2_000

/** Measures one fresh process of a contender. */
export async function measure (contender: Contender, { requests, registration, seconds }: Conditions): Promise<Measurement> {
  const server = await ServerProcess.start(contender, registration)
  const clients = await connectClients(server.port, CONNECTIONS)
  const load = { next: inTurn(requests[contender.requests ?? 'seen']), statusCode: contender.statusCode ?? 200, seconds }
  try {
    await generateLoad(clients, { ...load, atLeast: WARM_UP_REQUESTS })
    const before = await server.usage()
    const { responses, seconds } = await generateLoad(clients, load)
    const after = await server.usage()
    return { cpu: (after.cpu - before.cpu) / responses, pollsPerSecond: responses / seconds }
  } finally {
    clients.forEach((client) => client.close())
    await server.stop()
  }
}

const remembering: Contender = { name: 'memory', title: '', module: 'plugin', options: { tokenCacheSize: 10_000 } }

/** The memory that each cached token takes in a fresh process, in bytes. */
export async function measureMemoryPerToken ({ requests: { neverSeen }, registration, seconds }: Conditions): Promise<number> {
  const server = await ServerProcess.start(remembering, registration, ['--expose-gc'])
  const clients = await connectClients(server.port, CONNECTIONS)
  const [first, others] = [neverSeen.slice(0, 1), neverSeen.slice(1)]
  try {
    await generateLoad(clients, { next: inTurn(first), statusCode: 200, seconds })
    const before = await server.usage()
    const { responses } = await generateLoad(clients, { next: inTurn(others), statusCode: 200, seconds: 0, atLeast: others.length })
    const after = await server.usage()
    return (after.memory - before.memory) / (2 * responses)
  } finally {
    clients.forEach((client) => client.close())
    await server.stop()
  }
}

const STARTUP = fileURLToPath(new URL('startup.js', import.meta.url))

/** Measures how long a fresh process takes to start Fastify, with the plugin if there is a registration. */
export async function measureStartup (registration?: Registration): Promise<Startup> {
  const child = fork(STARTUP, [JSON.stringify({ registration })])
  const exited = once(child, 'exit')
  const startup = await answerOf<Startup>(child)
  await exited
  return startup
}
