import type { Server } from 'node:http'

import type { RequestKind } from './requests.js'

/** A server to measure, and the requests that it receives. */
export interface Contender {
  /** Its name for `--only`. */
  name: string
  /** Its title in the tables. */
  title: string
  /** Its module in `contenders/`. */
  module: ContenderModule
  options?: ContenderOptions
  /** Default: `seen`. */
  requests?: RequestKind
  /** The status code of every response; default: 200. */
  statusCode?: number
}

/** Options of a module of `contenders/`. */
export interface ContenderOptions {
  /** How many verified tokens are cached; left out, the plugin authenticates nobody. */
  tokenCacheSize?: number
  /** The plugin's option of this name, in milliseconds. */
  resolverTimeout?: number
  /** Whether the job exists; default: true. */
  isJobKnown?: boolean
}

/** The identifiers that a server needs to verify tokens. */
export interface Registration {
  publisherTenantId: string
  audience: string
  clientId: string
  issuerV1: string
  authority: string
  jwksUri: string
}

/** The `listen` that each module of `contenders/` exports: starts its server on a free port of the loopback interface. */
export type Listen = (options: ContenderOptions, registration: Registration) => Promise<Server>

/** Each server is a separate module, so that its process loads nothing else. */
export const contenderModules = {
  'fastify-schemas': () => import('./contenders/fastify-schemas.js'),
  plugin: () => import('./contenders/plugin.js'),
  'fastify-fast-jwt': () => import('./contenders/fastify-fast-jwt.js'),
  'express-jsonwebtoken': () => import('./contenders/express-jsonwebtoken.js'),
  'fastify-crypto-verify': () => import('./contenders/fastify-crypto-verify.js')
} satisfies Record<string, () => Promise<{ listen: Listen }>>

export type ContenderModule = keyof typeof contenderModules

/** The contender to which the ratios compare the others. */
export const BASE = 'fastify-schemas'

/**
 * Room for the app token and the tokens of all users, but not for all tokens of `neverSeen`: when those are sent again,
 * they have been evicted.
 */
const authenticated = { tokenCacheSize: 2_000 }

/** Polls that are answered with 200. */
export const polls: Contender[] = [
  { name: BASE, title: 'Fastify with the same schemas, and nothing else', module: 'fastify-schemas' },
  { name: 'plugin', title: 'this plugin, `authentication: false`', module: 'plugin' },
  { name: 'seen', title: 'this plugin, tokens seen before', module: 'plugin', options: authenticated },
  { name: 'sixtieth', title: 'this plugin, one poll in sixty with new tokens', module: 'plugin', options: authenticated, requests: 'sixtiethNeverSeen' },
  { name: 'never-seen', title: 'this plugin, new tokens in every poll', module: 'plugin', options: authenticated, requests: 'neverSeen' },
  { name: 'fast-jwt', title: 'Fastify with `fast-jwt`, tokens seen before', module: 'fastify-fast-jwt', options: authenticated },
  { name: 'fast-jwt-never-seen', title: 'Fastify with `fast-jwt`, new tokens in every poll', module: 'fastify-fast-jwt', options: authenticated, requests: 'neverSeen' },
  { name: 'express', title: 'Express with `jsonwebtoken` and `jwks-rsa`, any tokens', module: 'express-jsonwebtoken' }
]

/** Error responses, and what else the targets compare with. */
export const others: Contender[] = [
  { name: 'no-deadline', title: '`authentication: false`, `resolverTimeout: 0`', module: 'plugin', options: { resolverTimeout: 0 } },
  { name: '400', title: '400, an invalid UUID, `authentication: false`', module: 'plugin', requests: 'invalidUuid', statusCode: 400 },
  { name: '404', title: '404, no such job, `authentication: false`', module: 'plugin', options: { isJobKnown: false }, statusCode: 404 },
  { name: '401', title: '401, no Authorization header', module: 'plugin', options: authenticated, requests: 'withoutTokens', statusCode: 401 },
  { name: 'forged', title: '401, invalid signatures', module: 'plugin', options: authenticated, requests: 'forged', statusCode: 401 },
  { name: 'limit', title: 'lower bound of new tokens: two `crypto.verify`, Fastify without schemas', module: 'fastify-crypto-verify', requests: 'neverSeen' }
]
