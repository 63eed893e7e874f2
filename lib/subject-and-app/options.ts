import type { FetchImplementation } from 'jose'

import type { clock, jwksFetch } from './signing-keys.js'
import { isUuid } from './uuid.js'

/**
 * How requests of Fabric are authenticated. The first three identify the workload's application: Microsoft Entra admin
 * center, App registrations, the application.
 *
 * @example
 * const authentication = {
 *   publisherTenantId: '11111111-2222-3333-4444-555555555555',
 *   audience: 'api://contoso.example/11111111-2222-3333-4444-555555555555/Contoso.FinanceAnalytics/1',
 *   clientId: '66666666-7777-8888-9999-000000000000'
 * }
 */
export interface AuthenticationOptions {
  /** The tenant of the application, a UUID: "Directory (tenant) ID" under Overview. It issues the app tokens. */
  publisherTenantId: string
  /**
   * The audience of v1.0 tokens, one or several: "Application ID URI" under Expose an API. Compared letter by letter. Where
   * v1.0 tokens have the client id as their audience: `[applicationIdUri, clientId]`.
   */
  audience: string | readonly string[]
  /** The audience of v2.0 tokens, a UUID: "Application (client) ID" under Overview. */
  clientId: string
  /**
   * The cloud's authority: the part in front of `/{tenant}/v2.0` in the issuer of v2.0 tokens and of signing keys, in the same
   * spelling: an https address without a path.
   * @default 'https://login.microsoftonline.com'
   */
  authority?: string | undefined
  /**
   * The part of the issuer of v1.0 tokens in front of `/{tenant}/`: an https address without a path.
   * @default 'https://sts.windows.net'
   */
  issuerV1?: string | undefined
  /**
   * The JWK set with the signing keys of all tenants: an https address, or http on loopback. For an application with its
   * own signing key: `{authority}/common/discovery/v2.0/keys?appid={clientId}`.
   * @default '{authority}/common/discovery/v2.0/keys'
   */
  jwksUri?: string | undefined
  /**
   * The applications that call as Fabric, UUIDs: the accepted values of `appid` (v1.0) and `azp` (v2.0).
   * @default ['00000009-0000-0000-c000-000000000000', 'd2450708-699c-41e3-8077-b0c8341509aa']: Fabric's back end and
   * Fabric's client for workloads
   */
  fabricAppIds?: readonly string[] | undefined
  /**
   * The scope that `scp` of a subject token must contain: under Expose an API, Scopes defined by this API.
   * @default 'FabricWorkloadControl'
   */
  requiredScope?: string | undefined
  /**
   * Whether calls without a user (service principals, automation), whose subject token is empty, are accepted.
   * @default 'optional'
   */
  subjectToken?: 'optional' | 'required' | undefined
  /**
   * The difference between the clocks that is accepted when `nbf` and `exp` are checked, in seconds: 0 to 60.
   * @default 60
   */
  clockTolerance?: number | undefined
  /**
   * How many accepted tokens are cached, 0 to 1,000,000; each takes about 4 kB, and more if it has many claims.
   * 0 = none: each request then costs two signature checks.
   * @default 10000
   */
  tokenCacheSize?: number | undefined
}

/** {@link AuthenticationOptions}, checked and completed: UUIDs in lower case, origins without a trailing slash. */
export interface CheckedAuthenticationOptions {
  readonly publisherTenantId: string
  readonly audience: readonly string[]
  readonly clientId: string
  readonly authority: string
  readonly issuerV1: string
  readonly jwksUri: string
  readonly fabricAppIds: readonly string[]
  readonly requiredScope: string
  readonly subjectToken: 'optional' | 'required'
  readonly clockTolerance: number
  readonly tokenCacheSize: number
}

/** Additional options of tests: keys without a network, and a clock. */
export interface InternalAuthenticationOptions extends AuthenticationOptions {
  [jwksFetch]?: FetchImplementation
  /** Milliseconds since 1970. */
  [clock]?: () => number
}

const required = {
  publisherTenantId: 'the Directory (tenant) ID of the app registration',
  audience: 'its Application ID URI, the audience of v1.0 tokens',
  clientId: 'its Application (client) ID, the audience of v2.0 tokens'
}

const defaults = {
  authority: 'https://login.microsoftonline.com',
  issuerV1: 'https://sts.windows.net',
  fabricAppIds: ['00000009-0000-0000-c000-000000000000', 'd2450708-699c-41e3-8077-b0c8341509aa'],
  requiredScope: 'FabricWorkloadControl',
  subjectToken: 'optional',
  clockTolerance: 60,
  tokenCacheSize: 10_000
}

/** The names of {@link AuthenticationOptions}. */
export const AUTHENTICATION_OPTIONS: readonly string[] = [...Object.keys(required), ...Object.keys(defaults), 'jwksUri']

/**
 * Checks the options once, at registration, and completes them with their defaults.
 *
 * @throws TypeError that names the option and says what to write instead.
 */
export function checkAuthenticationOptions (options: unknown): CheckedAuthenticationOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`SubjectAndApp authentication takes an object of options with ${sentence(Object.entries(required))}`)
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

  const unknown = Object.keys(given).filter((name) => !AUTHENTICATION_OPTIONS.includes(name))
  if (unknown.length > 0) {
    throw new TypeError(`Unknown SubjectAndApp option "${unknown.join('", "')}": the options are ${AUTHENTICATION_OPTIONS.join(', ')}`)
  }
  const missing = Object.entries(required).filter(([name]) => !Object.hasOwn(given, name))
  if (missing.length > 0) throw new TypeError(`SubjectAndApp authentication also needs ${sentence(missing)}`)

  // Without a prototype, so that a polluted Object.prototype adds no option.
  const value: Record<string, unknown> = { __proto__: null, ...defaults, ...given }
  const authority = origin('authority', value.authority)
  return Object.freeze({
    publisherTenantId: uuid('publisherTenantId', value.publisherTenantId),
    audience: list('audience', Array.isArray(value.audience) ? value.audience : [value.audience], audience),
    clientId: uuid('clientId', value.clientId),
    authority,
    issuerV1: origin('issuerV1', value.issuerV1),
    jwksUri: keySet('jwksUri', value.jwksUri ?? `${authority}/common/discovery/v2.0/keys`),
    fabricAppIds: list('fabricAppIds', value.fabricAppIds, uuid),
    requiredScope: scope('requiredScope', value.requiredScope),
    subjectToken: optionalOrRequired('subjectToken', value.subjectToken),
    clockTolerance: integer('clockTolerance', value.clockTolerance, 60),
    tokenCacheSize: integer('tokenCacheSize', value.tokenCacheSize, 1_000_000)
  })
}

function sentence (entries: Array<[name: string, meaning: string]>): string {
  return entries.map(([name, meaning]) => `"${name}" (${meaning})`).join(', ')
}

function rejectOption (name: string, value: unknown, expected: string): never {
  const shown = typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? 'an array' : String(value)
  throw new TypeError(`SubjectAndApp option "${name}" has to be ${expected}, not ${shown}`)
}

function uuid (name: string, value: unknown): string {
  if (!isUuid(value)) rejectOption(name, value, 'a UUID of 36 characters, as 11111111-2222-3333-4444-555555555555')
  return value.toLowerCase()
}

function audience (name: string, value: unknown): string {
  if (typeof value !== 'string' || !/^\S+$/.test(value)) {
    rejectOption(name, value, 'the Application ID URI as the app registration shows it, as api://…, or a list of such')
  }
  return value
}

function list<T> (name: string, value: unknown, item: (name: string, value: unknown) => T): readonly T[] {
  if (!Array.isArray(value) || value.length === 0) rejectOption(name, value, 'a list of at least one')
  return Object.freeze(value.map((each) => item(name, each)))
}

function scope (name: string, value: unknown): string {
  if (typeof value !== 'string' || !/^\S+$/.test(value)) rejectOption(name, value, 'the name of one scope, without spaces')
  return value
}

function optionalOrRequired (name: string, value: unknown): 'optional' | 'required' {
  if (value !== 'optional' && value !== 'required') rejectOption(name, value, '"optional" or "required"')
  return value
}

function integer (name: string, value: unknown, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    rejectOption(name, value, `a whole number from 0 to ${max}`)
  }
  return value
}

function address (name: string, value: unknown): URL {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (!url || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)))) {
    rejectOption(name, value, 'an https:// address (http:// on loopback alone)')
  }
  if (url.username || url.password || url.hash) rejectOption(name, '…', 'an address without user, password and #')
  return url
}

/** `{tenantid}`, `<tenant>`, `${TENANT}`, `:tenant` and the like, written out or percent-encoded. */
const PLACEHOLDER = /[{}<>$]|%(?:7[bd]|3[ce]|24)|\/:/i

function keySet (name: string, value: unknown): string {
  const url = address(name, value)
  if (PLACEHOLDER.test(url.pathname + url.search)) {
    rejectOption(name, value, 'the address of the keys of all tenants, without a placeholder, as https://login.microsoftonline.com/common/discovery/v2.0/keys')
  }
  return url.href
}

function isLoopback (hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

/** Without its trailing slash, so that issuers can be built from it. */
function origin (name: string, value: unknown): string {
  const url = address(name, value)
  if (url.pathname !== '/' || url.search) rejectOption(name, value, `the address without tenant, version or path, as ${url.origin}`)
  return url.origin
}
