// Several workload servers over one PostgreSQL, started and stopped together: see README.md beside this file.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { createFabric } from 'fastify-fabric-job-state/testing'

import { writeHeaders } from '../workload/authentication.js'
import { commandsToCopy } from '../workload/commands.js'

const { DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/test', DATA_DIR = 'data' } = process.env
const { PORT = '3000', REPLICAS = '3' } = process.env
const SERVER = fileURLToPath(new URL('../server.js', import.meta.url))

interface Replica {
  port: number
  server: ChildProcess
  /** The file with its log. */
  log: string
}

// One Fabric for all of them: a token that one replica accepts, every other accepts too.
const fabric = createFabric()
const { authentication, close } = await fabric.listen()
const headersFile = join(DATA_DIR, 'fabric-headers')
await writeHeaders(headersFile, fabric)

const replicas = Array.from({ length: Number(REPLICAS) }, (_, i) => startReplica(Number(PORT) + i))
const stop = () => replicas.forEach(({ server }) => server.kill('SIGTERM'))
process.once('SIGTERM', stop)
process.once('SIGINT', stop)

await Promise.all(replicas.map(isReady))
console.log(commandsToCopy({ url: `http://127.0.0.1:${PORT}/workload-api`, headersFile, store: 'PostgreSQL' }))
console.log('The same on each port:')
for (const { port, server, log } of replicas) console.log(`  ${port}: process ${server.pid}, log ${log}`)
console.log('Ctrl+C stops them all.')

await Promise.all(replicas.map(({ server }) => server.exitCode ?? once(server, 'exit')))
await close()

function startReplica (port: number): Replica {
  const { publisherTenantId, audience, clientId } = fabric.registration
  const log = join(DATA_DIR, `replica-${port}.log`)
  // A file, not a pipe: the log goes on where this process is killed.
  const file = openSync(log, 'a')
  const server = spawn(process.execPath, [SERVER], {
    env: {
      ...process.env,
      DATABASE_URL,
      PORT: String(port),
      FABRIC_PUBLISHER_TENANT_ID: publisherTenantId,
      FABRIC_AUDIENCE: audience,
      FABRIC_CLIENT_ID: clientId,
      ENTRA_JWKS_URI: authentication.jwksUri
    },
    stdio: ['ignore', file, file]
  })
  closeSync(file)
  return { port, server, log }
}

async function isReady ({ port, server, log }: Replica): Promise<void> {
  while (server.exitCode === null) {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined)
    if (response?.ok) return
    await setTimeout(100)
  }
  stop()
  throw new Error(`The replica on port ${port} did not start: see the end of ${log}.`)
}
