/** The process of one server: tells its port, and what it has used when asked. */
import { type Contender, contenderModules, type Registration } from './contender.js'

/** What a server has used so far. */
export interface Usage {
  /** CPU time of all threads, in microseconds. */
  cpu: number
  /** The resident set at its largest, in bytes. */
  peakMemory: number
  /** What lives on the heap and outside, after a garbage collection where there is `--expose-gc`; in bytes. */
  memory: number
}

const { contender, registration }: { contender: Contender, registration: Registration } = JSON.parse(process.argv[2] ?? '')
const { listen } = await contenderModules[contender.module]()
const server = await listen(contender.options ?? {}, registration)
const address = server.address()

// process.resourceUsage() cannot tell: Linux counts the memory of whoever started the process.
let peakMemory = 0
setInterval(() => { peakMemory = Math.max(peakMemory, process.memoryUsage.rss()) }, 200).unref()

process.on('message', () => process.send?.(usage()))
process.on('disconnect', () => process.exit())
process.send?.(typeof address === 'object' ? address?.port : address)

function usage (): Usage {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, external } = process.memoryUsage()
  return { cpu: user + system, peakMemory, memory: heapUsed + external }
}
