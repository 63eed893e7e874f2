// Several workload servers over one PostgreSQL, started and stopped together: see README.md beside this file.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { createFabric } from 'fastify-fabric-job-state/testing'

import { commandsToCopy } from '../workload/commands.js'
import { writeHeaders } from '../workload/authentication.js'

const { DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/test', DATA_DIR = 'data', PORT = '3000', REPLICAS = '3' } = process.env
const SERVER = fileURLToPath(new URL('../server.js', import.meta.url))

// One Fabric for all of them: a token that one replica takes, every other takes too.
const fabric = createFabric()
const { authentication, close } = await fabric.listen()
const headersFile = join(DATA_DIR, 'fabric-headers')
await writeHeaders(headersFile, fabric)

const ports = Array.from({ length: Number(REPLICAS) }, (_, i) => Number(PORT) + i)
const replicas = ports.map(startReplica)
const stop = () => replicas.forEach((replica) => replica.kill('SIGTERM'))
process.once('SIGTERM', stop)
process.once('SIGINT', stop)

await Promise.all(replicas.map(isReady))
console.log(commandsToCopy({ url: `http://127.0.0.1:${PORT}/workload-api`, headersFile, store: 'PostgreSQL' }))
console.log(`The same on each of the ports ${ports.join(', ')} (processes ${replicas.map(({ pid }) => pid).join(', ')}). Ctrl+C stops them all.`)

await Promise.all(replicas.map((replica) => replica.exitCode ?? once(replica, 'exit')))
await close()

function startReplica (port: number): ChildProcess {
  const { publisherTenantId, audience, clientId } = fabric.registration
  return spawn(process.execPath, [SERVER], {
    env: {
      ...process.env,
      DATABASE_URL,
      PORT: String(port),
      FABRIC_PUBLISHER_TENANT_ID: publisherTenantId,
      FABRIC_AUDIENCE: audience,
      FABRIC_CLIENT_ID: clientId,
      ENTRA_JWKS_URI: authentication.jwksUri
    },
    stdio: ['ignore', 'pipe', 'inherit']
  })
}

/** A server's first line says that it listens. */
async function isReady (replica: ChildProcess): Promise<void> {
  if (replica.stdout === null) throw new Error('A replica has no output.')
  const hasStarted = await Promise.race([
    once(createInterface(replica.stdout), 'line').then(() => true),
    once(replica, 'exit').then(() => false)
  ])
  if (hasStarted) return
  stop()
  throw new Error(`The replica ${replica.pid} did not start.`)
}
