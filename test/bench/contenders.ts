import type { Contender } from './contender.js'

/** Whose CPU time for each request is 1. */
export const BASE = 'fastify-schemas'

/** More than users, so that an app token and 10,000 subject tokens have room. */
const ROOM = 20_000
/** Fewer than there are pairs of tokens, so that each has been forgotten when it comes again. */
const NO_ROOM = 500

const authenticated = { isAuthenticated: true, tokenCacheSize: ROOM }
const forgetful = { isAuthenticated: true, tokenCacheSize: NO_ROOM }

export const contenders: Contender[] = [
  { name: 'node-http', title: 'node:http, a constant body', module: 'node-http' },
  { name: 'fastify-bare', title: 'Fastify, a bare route', module: 'fastify-bare' },
  { name: BASE, title: 'Fastify, the same schemas', module: 'fastify-schemas', isCloseCall: true },

  { name: 'plugin', title: 'plugin, no authentication', module: 'plugin', isCloseCall: true },
  { name: 'plugin-no-deadline', title: '  no deadline either', module: 'plugin', options: { resolverTimeout: 0 }, isCloseCall: true },
  { name: 'plugin-400', title: '  400, an id that is no uuid', module: 'plugin', requests: 'notUuid', statusCode: 400 },
  { name: 'plugin-404', title: '  404, no such job', module: 'plugin', options: { isJobKnown: false }, statusCode: 404 },
  { name: 'fastify-5ms', title: 'Fastify, the same schemas, 5 ms, 500 in flight', module: 'fastify-schemas', options: { delay: 5 }, connections: 500 },
  { name: 'plugin-5ms', title: 'plugin, no authentication, 5 ms, 500 in flight', module: 'plugin', options: { delay: 5 }, connections: 500 },

  { name: 'plugin-seen', title: 'plugin, 10,000 users seen before', module: 'plugin', options: authenticated, isCloseCall: true },
  { name: 'plugin-never-seen', title: 'plugin, tokens never seen', module: 'plugin', options: forgetful, requests: 'neverSeen', isBusy: true },
  { name: 'plugin-401', title: '  401, no token', module: 'plugin', options: authenticated, requests: 'withoutToken', statusCode: 401 },
  { name: 'plugin-forged', title: '  401, forged signatures', module: 'plugin', options: forgetful, requests: 'forged', statusCode: 401, isBusy: true },

  { name: 'express', title: 'Express, jsonwebtoken, jwks-rsa', module: 'express-jsonwebtoken', isBusy: true },
  { name: 'fast-jwt', title: 'Fastify, fast-jwt, seen before', module: 'fastify-fast-jwt', options: authenticated },
  { name: 'fast-jwt-never-seen', title: 'Fastify, fast-jwt, never seen', module: 'fastify-fast-jwt', options: forgetful, requests: 'neverSeen', isBusy: true },
  { name: 'limit', title: 'limit: 2 × crypto.verify, Fastify, a bare route', module: 'fastify-crypto-verify', requests: 'neverSeen', isBusy: true }
]
