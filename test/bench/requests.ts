import type { Fabric, FabricHeaders } from '../../lib/testing/index.js'
import type { RequestKind } from './contender.js'
import { SAMPLE_PATH } from './sample.js'

const USERS = 10_000
/** Enough that a server that remembers 500 tokens has forgotten each when it comes again. */
const APP_TOKENS = 2_000

/** All that is ever sent, whole requests as bytes, so that nothing has to be built while the servers are measured. */
export type Requests = Record<RequestKind, Buffer[]>

/** Prepares the requests: real signatures, and header and claims as long as Entra ID's. */
export async function prepareRequests (fabric: Fabric): Promise<Requests> {
  const subjectTokens = await Promise.all(Array.from({ length: USERS }, () => fabric.subjectToken()))
  const appTokens = await Promise.all(Array.from({ length: APP_TOKENS }, () => fabric.appToken()))
  const [appToken = ''] = appTokens

  const seen = await Promise.all(subjectTokens.map((subjectToken) => fabric.headers({ appToken, subjectToken })))
  const neverSeen = await Promise.all(appTokens.map((appToken, i) =>
    fabric.headers({ appToken, subjectToken: subjectTokens[i] ?? '' })))
  const forged = await Promise.all(appTokens.map((appToken, i) =>
    fabric.headers({ appToken: withSignatureOf(appTokens.at(i - 1) ?? '', appToken), subjectToken: subjectTokens[i] ?? '' })))

  return {
    seen: seen.map((headers) => get(SAMPLE_PATH, headers)),
    neverSeen: neverSeen.map((headers) => get(SAMPLE_PATH, headers)),
    forged: forged.map((headers) => get(SAMPLE_PATH, headers)),
    withoutToken: seen.map(({ authorization, ...headers }) => get(SAMPLE_PATH, headers)),
    notUuid: seen.map((headers) => get(SAMPLE_PATH.replace(/workspaces\/[^/]+/, 'workspaces/my-workspace'), headers))
  }
}

function withSignatureOf (other: string, token: string): string {
  return token.slice(0, token.lastIndexOf('.')) + other.slice(other.lastIndexOf('.'))
}

/** A request as it goes over the wire. */
export function get (path: string, headers: Partial<FabricHeaders>): Buffer {
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
}
