import { access, constants, mkdir } from 'node:fs/promises'
import { isIP } from 'node:net'

import type { AuthenticationOptions } from 'fastify-fabric-job-state'

/** The settings of the example servers, from environment variables: the table in README.md. */
export interface Settings {
  host: string
  port: number
  logLevel: string
  dataDir: string
  /** Undefined: the embedded engine. */
  databaseUrl: string | undefined
  redisUrl: string
  drainSeconds: number
  /** Undefined: simulated keys. */
  authentication: AuthenticationOptions | undefined
}

/** A setting that keeps the server from starting. The message is one line for each wrong variable, and says what to write. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
}

/** The variables of the app registration, by the option of the plugin that each one sets. */
export const AUTHENTICATION_VARIABLES = {
  publisherTenantId: 'FABRIC_PUBLISHER_TENANT_ID',
  audience: 'FABRIC_AUDIENCE',
  clientId: 'FABRIC_CLIENT_ID',
  authority: 'ENTRA_AUTHORITY',
  issuerV1: 'ENTRA_ISSUER_V1',
  jwksUri: 'ENTRA_JWKS_URI'
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/** @throws {SettingError} if a variable has a wrong value; an empty one counts as absent. */
export function readSettings (env: NodeJS.ProcessEnv, isTerminal: boolean): Settings {
  const problems: string[] = []

  function read<Value> (name: string, standard: Value, expected: string, parse: (text: string) => Value | undefined): Value {
    const text = env[name]
    if (!text) return standard
    const value = parse(text)
    if (value === undefined) problems.push(`${name} must be ${expected}${SECRET.has(name) ? '' : `, not ${shown(text)}`}.`)
    return value ?? standard
  }

  const settings = {
    host: read('HOST', '127.0.0.1', 'an IP address or a host name, such as 0.0.0.0', hostName),
    port: read('PORT', 3_000, 'a whole number from 0 to 65535', wholeNumber(65_535)),
    logLevel: read('LOG_LEVEL', isTerminal ? 'warn' : 'info', `one of ${LEVELS.join(', ')}`, oneOf(LEVELS)),
    dataDir: env.DATA_DIR || 'data',
    databaseUrl: read('DATABASE_URL', undefined, 'a URL such as postgres://user:password@host:5432/database', urlOf(['postgres:', 'postgresql:'])),
    redisUrl: read('REDIS_URL', 'redis://127.0.0.1:6379', 'a URL such as redis://user:password@host:6379', urlOf(['redis:', 'rediss:'])),
    drainSeconds: read('DRAIN_SECONDS', 0, 'a whole number from 0 to 300', wholeNumber(300)),
    authentication: readAuthentication(env, problems)
  }
  if (problems.length > 0) throw new SettingError(problems.join('\n'))
  return settings
}

/** Their values may contain a password. */
const SECRET = new Set(['DATABASE_URL', 'REDIS_URL'])

const shown = (text: string) => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)

const hostName = (text: string) => isIP(text) > 0 || /^[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(text) ? text : undefined

const wholeNumber = (max: number) => (text: string) => /^\d{1,5}$/.test(text) && Number(text) <= max ? Number(text) : undefined

const oneOf = (values: string[]) => (text: string) => values.includes(text) ? text : undefined

const urlOf = (protocols: string[]) => (text: string): string | undefined =>
  URL.canParse(text) && protocols.includes(new URL(text).protocol) ? text : undefined

/** The values themselves are checked by the plugin: see `registerAuthentication`. */
function readAuthentication (env: NodeJS.ProcessEnv, problems: string[]): AuthenticationOptions | undefined {
  const { FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE, FABRIC_CLIENT_ID } = env
  if (FABRIC_PUBLISHER_TENANT_ID && FABRIC_AUDIENCE && FABRIC_CLIENT_ID) {
    return {
      publisherTenantId: FABRIC_PUBLISHER_TENANT_ID,
      audience: FABRIC_AUDIENCE.split(' ').filter(Boolean),
      clientId: FABRIC_CLIENT_ID,
      authority: env.ENTRA_AUTHORITY || undefined,
      issuerV1: env.ENTRA_ISSUER_V1 || undefined,
      jwksUri: env.ENTRA_JWKS_URI || undefined
    }
  }
  const given = Object.values(AUTHENTICATION_VARIABLES).filter((name) => env[name])
  if (given.length > 0) {
    problems.push(`${REQUIRED} must be set, all three: ${given.join(', ')} ${given.length === 1 ? 'has' : 'have'} no effect without them.`)
  } else if (env.NODE_ENV === 'production') {
    problems.push(`${REQUIRED} must be set: with NODE_ENV=production the server does not accept simulated keys.`)
  }
  return undefined
}

const REQUIRED = 'FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and FABRIC_CLIENT_ID'

/**
 * Creates the folder of DATA_DIR.
 *
 * @throws {SettingError} if it cannot be created.
 */
export async function writableFolder (folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return folder
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : error
    throw new SettingError(`DATA_DIR must be a folder that the server can write to, not ${JSON.stringify(folder)}: ${reason}.`)
  }
}
