import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { AuthenticationOptions } from 'fastify-fabric-job-state'
import { createFabric, type Fabric } from 'fastify-fabric-job-state/testing'

export interface Issuer {
  authentication: AuthenticationOptions
  /** What signs the tokens; none where Entra ID does. */
  fabric?: Fabric
  /** Where the headers of a call lie, for curl; there are none to be had where Entra ID issues the tokens. */
  headersFile?: string
  closeIssuer: () => Promise<void>
}

/**
 * Who Fabric is. With FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and FABRIC_CLIENT_ID, from the workload's app
 * registration, it is Fabric itself, with tokens of Entra ID (of another cloud with ENTRA_AUTHORITY, ENTRA_ISSUER_V1 and
 * ENTRA_JWKS_URI: docs/authentication.md). Without, it is a
 * Fabric of one's own on this machine: keys made at each start, and the headers of a call written into a file.
 */
export async function fabricOrDevelopment (dataDir: string): Promise<Issuer> {
  const authentication = authenticationFrom(process.env)
  return authentication === undefined
    ? await development(dataDir)
    : { authentication, closeIssuer: async () => {} }
}

function authenticationFrom (env: NodeJS.ProcessEnv): AuthenticationOptions | undefined {
  const { FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE, FABRIC_CLIENT_ID } = env
  const given = [FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE, FABRIC_CLIENT_ID].filter(Boolean).length
  if (given === 0) return undefined
  if (!FABRIC_PUBLISHER_TENANT_ID || !FABRIC_AUDIENCE || !FABRIC_CLIENT_ID) {
    throw new Error('Set all three of FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and FABRIC_CLIENT_ID, or none.')
  }
  return {
    publisherTenantId: FABRIC_PUBLISHER_TENANT_ID,
    audience: FABRIC_AUDIENCE.split(' '),
    clientId: FABRIC_CLIENT_ID,
    // An empty variable is one that is not set.
    authority: env.ENTRA_AUTHORITY || undefined,
    issuerV1: env.ENTRA_ISSUER_V1 || undefined,
    jwksUri: env.ENTRA_JWKS_URI || undefined
  }
}

/** Subject tokens live for an hour or more. */
const RENEWAL = 30 * 60_000

async function development (dataDir: string): Promise<Issuer> {
  const fabric = createFabric()
  const { authentication, close } = await fabric.listen()
  const headersFile = join(dataDir, 'fabric-headers')
  const write = () => writeHeaders(headersFile, fabric)
  await write()
  const renewal = setInterval(write, RENEWAL).unref()
  return {
    authentication,
    fabric,
    headersFile,
    async closeIssuer () {
      clearInterval(renewal)
      await close()
    }
  }
}

/** Writes the headers of a call in the form that `curl -H @file` reads. */
export async function writeHeaders (file: string, fabric: Fabric): Promise<void> {
  const headers = Object.entries(await fabric.headers()).map(([name, value]) => `${name}: ${value}\n`)
  await mkdir(join(file, '..'), { recursive: true })
  await writeFile(file, headers, { mode: 0o600 })
}
