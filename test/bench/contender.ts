import type { Server } from 'node:http'

/** One server, and what is asked of it. */
export interface Contender {
  /** What `--only` calls it. */
  name: string
  /** What it is, for the table. */
  title: string
  /** Its module in `contenders/`. */
  module: ContenderModule
  options?: ContenderOptions
  /** Which of the prepared requests it gets; default: `seen`. */
  requests?: RequestKind
  /** Keep-alive connections, hence requests in flight; default: 50. */
  connections?: number
  /** What every answer has to be; default: 200. */
  statusCode?: number
  /** Verifies signatures with each request, hence leaves time to sleep to the generator, and has use for its core. */
  isBusy?: true
  /** Is held against a bound so near that only many passes can tell. */
  isCloseCall?: true
}

/**
 * `seen`: one app token, 10,000 users' subject tokens, again and again. `neverSeen`: pairs of tokens, more of them than
 * the server may remember. `forged`: those with another's signature.
 */
export type RequestKind = 'seen' | 'neverSeen' | 'forged' | 'withoutToken' | 'notUuid'

/** What a module of `contenders/` may be told. */
export interface ContenderOptions {
  /** Whether both tokens are checked. */
  isAuthenticated?: boolean
  /** How many accepted tokens are remembered. */
  tokenCacheSize?: number
  /** The plugin's option of this name, in milliseconds. */
  resolverTimeout?: number
  /** After how many milliseconds the state of the job is known; 0 = at once, by a promise all the same. */
  delay?: number
  /** Whether there is such a job. */
  isJobKnown?: boolean
}

/** What a server has to know to check tokens. */
export interface Registration {
  publisherTenantId: string
  audience: string
  clientId: string
  issuerV1: string
  authority: string
  jwksUri: string
}

/** What a module of `contenders/` exports as `listen`: it starts its server on a free port of loopback. */
export type Listen = (options: ContenderOptions, registration: Registration) => Promise<Server>

/** The servers, each in a module of its own, so that a process loads nothing that is not measured in it. */
export const contenderModules = {
  'node-http': () => import('./contenders/node-http.js'),
  'fastify-bare': () => import('./contenders/fastify-bare.js'),
  'fastify-schemas': () => import('./contenders/fastify-schemas.js'),
  plugin: () => import('./contenders/plugin.js'),
  'express-jsonwebtoken': () => import('./contenders/express-jsonwebtoken.js'),
  'fastify-fast-jwt': () => import('./contenders/fastify-fast-jwt.js'),
  'fastify-crypto-verify': () => import('./contenders/fastify-crypto-verify.js')
} satisfies Record<string, () => Promise<{ listen: Listen }>>

export type ContenderModule = keyof typeof contenderModules
