import type { Fabric, FabricHeaders } from '../../lib/testing/index.js'
import { SAMPLE_PATH } from './sample.js'

/**
 * `seen`: one app token and a subject token for each user, repeated. `neverSeen`: pairs of new tokens, more than a server
 * caches. `sixtiethNeverSeen`: `seen`, but every sixtieth request is one of `neverSeen`. `forged`: `neverSeen` with the
 * signatures of other tokens. `withoutTokens` and `invalidUuid`: `seen` but for that.
 */
export type RequestKind = 'seen' | 'neverSeen' | 'sixtiethNeverSeen' | 'forged' | 'withoutTokens' | 'invalidUuid'

/** All requests as bytes, so that nothing has to be built or signed while a server is measured. */
export type Requests = Record<RequestKind, Buffer[]>

const USERS = 1_000
const PAIRS = 2_000

/** Signs the tokens: header and claims are as long as those of Entra ID. All requests have Fabric's headers. */
export async function prepareRequests (fabric: Fabric): Promise<Requests> {
  const appToken = await fabric.appToken()
  const users = await signed(USERS, () => fabric.headers({ appToken }))
  const pairs = await signed(PAIRS, () => fabric.headers())
  const seen = users.map((headers) => get(SAMPLE_PATH, headers))
  const neverSeen = pairs.map((headers) => get(SAMPLE_PATH, headers))

  return {
    seen,
    neverSeen,
    sixtiethNeverSeen: neverSeen.flatMap((request, i) => [request, ...cycled(seen, i * 59, 59)]),
    forged: pairs.map((headers) => get(SAMPLE_PATH, { ...headers, authorization: forge(headers.authorization) })),
    withoutTokens: users.map(({ authorization, ...headers }) => get(SAMPLE_PATH, headers)),
    invalidUuid: users.map((headers) => get(SAMPLE_PATH.replace(/workspaces\/[^/]+/, 'workspaces/my-workspace'), headers))
  }
}

function signed (count: number, headers: () => Promise<FabricHeaders>): Promise<FabricHeaders[]> {
  return Promise.all(Array.from({ length: count }, headers))
}

/** So many elements from a position on, and again from the first after the last. */
function cycled<T> (list: readonly T[], from: number, count: number): T[] {
  const begin = from % list.length
  return [...list, ...list].slice(begin, begin + count)
}

/** Exchanges the signatures of the two tokens, which are of the same length. */
function forge (authorization: string): string {
  return authorization.replace(/\.([\w-]+)(", appToken=".*\.)([\w-]+)"$/, '.$3$2$1"')
}

/** A request as it is sent over the wire. */
export function get (path: string, headers: Partial<FabricHeaders>): Buffer {
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
}
