import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import type { JWK, JWTPayload } from 'jose'

import type { AuthenticationOptions, InternalAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { subjectAndApp } from '../../lib/subject-and-app/plugin.js'
import { clock, jwksFetch } from '../../lib/subject-and-app/signing-keys.js'

export const publisherTenantId = 'aaaaaaaa-0000-4000-8000-000000000001'
export const clientTenantId = 'bbbbbbbb-0000-4000-8000-000000000002'
export const clientId = 'cccccccc-0000-4000-8000-000000000003'
export const audience = 'api://localdevinstance/aaaaaaaa-0000-4000-8000-000000000001/Fabric.WorkloadSample/123'
export const fabricAppId = '00000009-0000-0000-c000-000000000000'
export const otherFabricAppId = 'd2450708-699c-41e3-8077-b0c8341509aa'
export const anyTenantIssuer = 'https://login.microsoftonline.com/{tenantid}/v2.0'

/** The current time of the tests: no token has expired yet. */
export const today = Date.UTC(2030, 0, 1)
const seconds = today / 1000

export type Claims = Record<string, unknown>
export type Version = '1.0' | '2.0'

function common (ver: Version, tid: string): Claims {
  return ver === '1.0'
    ? { ver, tid, iss: `https://sts.windows.net/${tid}/`, aud: audience, appid: fabricAppId }
    : { ver, tid, iss: `https://login.microsoftonline.com/${tid}/v2.0`, aud: clientId, azp: fabricAppId }
}

export function appClaims (ver: Version, changes: Claims = {}): Claims {
  return {
    ...common(ver, publisherTenantId),
    nbf: seconds,
    exp: seconds + 86_400,
    idtyp: 'app',
    oid: 'dddddddd-0000-4000-8000-000000000004',
    ...changes
  }
}

export function subjectClaims (ver: Version, changes: Claims = {}): Claims {
  return {
    ...common(ver, clientTenantId),
    nbf: seconds,
    exp: seconds + 3600,
    scp: 'FabricWorkloadControl',
    oid: 'eeeeeeee-0000-4000-8000-000000000005',
    ...changes
  }
}

export interface Key {
  readonly jwk: JWK & { issuer?: unknown }
  sign (claims: Claims, header?: Record<string, unknown>): Promise<string>
}

export async function makeKey (kid: string, issuer: unknown = anyTenantIssuer): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  return {
    jwk: { ...await exportJWK(publicKey), kid, use: 'sig', ...(issuer === undefined ? {} : { issuer }) },
    sign: (claims, header = {}) =>
      new SignJWT(claims as JWTPayload).setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid, ...header }).sign(privateKey)
  }
}

export function authorization (appToken: string, subjectToken = ''): string {
  return `SubjectAndAppToken1.0 subjectToken="${subjectToken}", appToken="${appToken}"`
}

/** The headers of a poll. */
export function headers (appToken: string, subjectToken?: string): Record<string, string> {
  return { authorization: authorization(appToken, subjectToken), 'x-ms-client-tenant-id': clientTenantId }
}

export const options = { publisherTenantId, audience, clientId }

/** Options with keys from memory. They are for tests only, so they are not in the public type. */
export function optionsWith (keys: () => Promise<Response> | Response, changes: Partial<InternalAuthenticationOptions> = {}): AuthenticationOptions {
  const internal: InternalAuthenticationOptions = { ...options, [jwksFetch]: async () => keys(), ...changes }
  return internal
}

export interface TestServer {
  readonly app: FastifyInstance
  /** The log lines of all levels. */
  readonly log: Array<Record<string, unknown>>
  /** The number of requests that passed the hook. */
  readonly passed: () => number
}

/** A server with one authenticated route that returns the caller. By default its clock is stopped at {@link today}. */
export function serve (
  { keys, now = () => today, ...changes }:
  Partial<InternalAuthenticationOptions> & { keys: () => Promise<Response> | Response, now?: () => number }
): TestServer {
  const log: TestServer['log'] = []
  let passed = 0
  const app = Fastify({ logger: { level: 'trace', stream: { write: (line) => { log.push(JSON.parse(line)) } } } })
  app.register(subjectAndApp, optionsWith(keys, { [clock]: now, ...changes }))
  app.register(async (app) => {
    app.get('/caller', { onRequest: app.authenticateSubjectAndApp }, async ({ fabricCaller }) => {
      passed++
      return { caller: fabricCaller, subjectToken: fabricCaller?.subject?.token }
    })
  })
  return { app, log, passed: () => passed }
}
