import type { CryptoKey, JWK } from 'jose'
import { createLocalJWKSet } from 'jose/jwks/local'

import { ownCopy } from '../own-properties.js'

/** A published key that signs RS256. The same object represents one key for as long as the key is published. */
export interface SigningKey {
  readonly kid: string
  /** The issuer that the key is bound to; `{tenantid}` in it means any tenant. Absent: not bound to an issuer. */
  readonly issuer: string | undefined
  readonly publicKey: CryptoKey
  /** The same text for the same key in two sets. */
  readonly identity: string
}

/** Whether a key may sign for an issuer; `tid` is the tenant of that issuer. */
export function signsFor ({ issuer }: SigningKey, expected: string, tid: string): boolean {
  return issuer === undefined || issuer.replaceAll('{tenantid}', tid) === expected
}

/** Imports the members of a JWK set that sign RS256, and ignores the others. A known key keeps its object. */
export async function importKeys (members: readonly unknown[], known: ReadonlySet<SigningKey>): Promise<Set<SigningKey>> {
  const keys = await Promise.all(members.map((member) => importKey(member).catch(() => undefined)))
  const knownByIdentity = new Map([...known].map((key) => [key.identity, key]))
  return new Set(keys.filter((key) => key !== undefined).map((key) => knownByIdentity.get(key.identity) ?? key))
}

/** jose refuses members that are not public RSA keys for RS256; weak keys and keys without a `kid` are refused here. */
async function importKey (member: unknown): Promise<SigningKey | undefined> {
  const { issuer: boundTo, ...jwk }: JWK & { issuer?: unknown } = ownCopy(Object(member))
  // `issuer` is not in RFC 7517; null and empty mean that it is absent.
  const issuer = boundTo === null || boundTo === '' ? undefined : boundTo
  const { kid, n, e } = ownCopy(jwk)
  if (typeof kid !== 'string' || kid === '' || !(issuer === undefined || typeof issuer === 'string')) return undefined
  const publicKey = await createLocalJWKSet({ keys: [jwk] })({ alg: 'RS256', kid })
  if (!isStrong(publicKey.algorithm)) return undefined
  return { kid, issuer, publicKey, identity: JSON.stringify([kid, issuer, n, e]) }
}

/** Whether an RSA key has at least 2048 bits and an odd exponent of at least 3 (RFC 8017, 3.1). */
function isStrong ({ modulusLength, publicExponent }: CryptoKey['algorithm'] & { modulusLength?: unknown, publicExponent?: unknown }): boolean {
  if (!(Number(modulusLength) >= 2048) || !(publicExponent instanceof Uint8Array)) return false
  const exponent = BigInt(`0x${Buffer.from(publicExponent).toString('hex')}`)
  return exponent >= 3n && exponent % 2n === 1n
}
