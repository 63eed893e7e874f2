import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import type { AuthenticationOptions } from '../../lib/index.js'
import type { Fabric } from '../../lib/testing/index.js'

const SERVER = fileURLToPath(new URL('../../examples/server.js', import.meta.url))

export interface ReplicaOptions {
  port: number
  databaseUrl: string
  fabric: Fabric
  authentication: AuthenticationOptions
  /** The file that its log is appended to. */
  log: string
  /** More variables of its environment. */
  settings?: Record<string, string>
}

/** The workload server of examples/, as a replica: in a separate process, over a shared PostgreSQL. */
export class Replica {
  readonly url: string
  readonly #options: ReplicaOptions
  #process: ChildProcess

  constructor (options: ReplicaOptions) {
    this.url = `http://127.0.0.1:${options.port}`
    this.#options = options
    this.#process = spawnServer(options)
  }

  /** Starts it again, after it has ended. */
  restart (): void {
    this.#process = spawnServer(this.#options)
  }

  /** @returns its exit code, or the signal that ended it */
  async end (signal: NodeJS.Signals): Promise<number | string> {
    const exit = once(this.#process, 'exit')
    this.#process.kill(signal)
    const [code, endedBy] = await exit
    return code ?? endedBy
  }

  /** The response of /health/ready: `ready`, the checks that fail, or `down`. */
  async readiness (): Promise<string> {
    const response = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(1_500) }).catch(() => undefined)
    if (response === undefined) return 'down'
    if (response.ok) return 'ready'
    const { checks } = Object(await response.json())
    return Object.keys(checks).filter((name) => checks[name] === false).map((name) => `not ${name}`).join(' ')
  }

  async isReady (): Promise<void> {
    while (await this.readiness() !== 'ready') {
      if (this.#process.exitCode !== null) throw new Error(`A replica did not start: see ${this.#options.log}`)
      await setTimeout(100)
    }
  }
}

function spawnServer ({ port, databaseUrl, fabric, authentication, log, settings }: ReplicaOptions): ChildProcess {
  const { publisherTenantId, audience, clientId } = fabric.registration
  const file = openSync(log, 'a')
  const server = spawn(process.execPath, [SERVER], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      HOST: '127.0.0.1',
      PORT: String(port),
      FABRIC_PUBLISHER_TENANT_ID: publisherTenantId,
      FABRIC_AUDIENCE: String(audience),
      FABRIC_CLIENT_ID: clientId,
      ENTRA_JWKS_URI: authentication.jwksUri,
      ...settings
    },
    stdio: ['ignore', file, file]
  })
  closeSync(file)
  return server
}
