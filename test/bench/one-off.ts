import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import type { Contender, Registration } from './contender.js'
import { spread } from './figures.js'
import { generateLoad } from './load.js'
import type { Requests } from './requests.js'
import { ServerProcess } from './server-process.js'
import type { Startup } from './startup.js'

/** What is paid once, not for each request. */
export interface OneOff {
  /** What the plugin adds to a start, in milliseconds. */
  startup: Startup
  /** How many tokens were remembered, … */
  tokens: number
  /** … and what that takes, in bytes. */
  memory: number
}

export async function measureOneOff (requests: Requests, registration: Registration): Promise<OneOff> {
  return { startup: await addedStartup(registration), ...await memoryOfTokens(requests, registration) }
}

const STARTUP = fileURLToPath(new URL('startup.js', import.meta.url))
const STARTS = 9

/** The median of what the plugin adds, each start with it being held against one without. */
async function addedStartup (registration: Registration): Promise<Startup> {
  const added: Startup[] = []
  for (let i = 0; i < STARTS; i++) {
    const [without, withPlugin] = [await start(undefined), await start(registration)]
    added.push({ import: withPlugin.import - without.import, ready: withPlugin.ready - without.ready })
  }
  return {
    import: spread(added.map((each) => each.import)).median,
    ready: spread(added.map((each) => each.ready)).median
  }
}

async function start (registration: Registration | undefined): Promise<Startup> {
  const child = fork(STARTUP, [JSON.stringify({ registration })])
  const exited = once(child, 'exit')
  const [startup] = await once(child, 'message')
  await exited
  return startup
}

const authenticated: Contender = {
  name: 'memory', title: '', module: 'plugin', options: { isAuthenticated: true, tokenCacheSize: 20_000 }
}

/** What stays on the heap when each of many users has been seen once; garbage is collected before each look. */
async function memoryOfTokens (
  { seen }: Requests, registration: Registration
): Promise<Pick<OneOff, 'tokens' | 'memory'>> {
  const server = await ServerProcess.start(authenticated, registration, ['--expose-gc'])
  try {
    const load = { port: server.port, connections: 10, statusCode: 200 }
    await generateLoad({ ...load, requests: seen.slice(0, 1), seconds: 1 })
    const before = await server.usage()
    await generateLoad({ ...load, requests: seen.slice(1), seconds: 0, atLeast: seen.length - 1 })
    const after = await server.usage()
    return { tokens: seen.length - 1, memory: after.memory - before.memory }
  } finally {
    await server.stop()
  }
}
