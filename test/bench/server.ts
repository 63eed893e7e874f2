/** The process of one server: sends its port to its parent, and its usage when asked. */
import { type Contender, contenderModules, type Registration } from './contenders.js'

/** The resources that a server has used so far. */
export interface Usage {
  /** User and system CPU time of all threads, in microseconds. */
  cpu: number
  /** Memory in use, after a garbage collection if Node.js was started with `--expose-gc`; in bytes. */
  memory: number
}

const { contender, registration }: { contender: Contender, registration: Registration } = JSON.parse(process.argv[2] ?? '')
const { listen } = await contenderModules[contender.module]()
const server = await listen(contender.options ?? {}, registration)
const address = server.address()

process.on('message', () => process.send?.(usage()))
process.on('disconnect', () => process.exit())
process.send?.(typeof address === 'object' ? address?.port : address)

function usage (): Usage {
  const { user, system } = process.cpuUsage()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return { cpu: user + system, memory: heapUsed + external }
}
