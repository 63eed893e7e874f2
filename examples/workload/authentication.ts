import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { subjectAndApp, type AuthenticationOptions } from 'fastify-fabric-job-state'
import { createFabric, type Fabric } from 'fastify-fabric-job-state/testing'
import type { FastifyInstance } from 'fastify'

import { AUTHENTICATION_VARIABLES, SettingError, type Settings, writableFolder } from './settings.js'

export interface Issuer {
  authentication: AuthenticationOptions
  /** The simulated Fabric that signs the tokens; undefined where Entra ID signs them. */
  fabric?: Fabric
  /** A file with the headers of a call, for curl; undefined where Entra ID issues the tokens. */
  headersFile?: string
  closeIssuer: () => Promise<void>
}

/**
 * The issuer of the tokens. With FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and FABRIC_CLIENT_ID, from the workload's app
 * registration, it is Entra ID (of another cloud with ENTRA_AUTHORITY, ENTRA_ISSUER_V1 and ENTRA_JWKS_URI:
 * docs/authentication.md). Without them, it is a simulated Fabric on this machine: its keys are made at each start, and the
 * headers of a call are written into a file.
 */
export async function fabricOrDevelopment (
  { authentication, dataDir }: Pick<Settings, 'authentication' | 'dataDir'>
): Promise<Issuer> {
  return authentication === undefined
    ? await development(dataDir)
    : { authentication, closeIssuer: async () => {} }
}

/**
 * Registers `subjectAndApp`, for all routes of the server.
 *
 * @throws {SettingError} if the plugin refuses an option.
 */
export async function registerAuthentication (app: FastifyInstance, authentication: AuthenticationOptions): Promise<void> {
  try {
    await app.register(subjectAndApp, authentication)
  } catch (error) {
    throw error instanceof TypeError ? new SettingError(withVariables(error.message)) : error
  }
}

/** The plugin's message with the name of the variable instead of the option's. */
function withVariables (message: string): string {
  return Object.entries(AUTHENTICATION_VARIABLES).reduce(
    (text, [option, variable]) => text.replace(`SubjectAndApp option "${option}" has to be`, `${variable} must be`), message)
}

/** Subject tokens live for an hour or more. */
const RENEWAL = 30 * 60_000

async function development (dataDir: string): Promise<Issuer> {
  const headersFile = join(await writableFolder(dataDir), 'fabric-headers')
  const fabric = createFabric()
  const { authentication, close } = await fabric.listen()
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
