import type { CryptoKey, JWK } from 'jose'
import { createLocalJWKSet } from 'jose/jwks/local'

import { ownCopy } from '../own-properties.js'

/** A published key that signs RS256. The same object represents one key for as long as the key is published. */
export interface SigningKey {
  readonly kid: string
  /** The issuer that the key is bound to; `{tenantid}` in it stands for any tenant. Absent: bound to none. */
  readonly issuer: string | undefined
  readonly publicKey: CryptoKey
  /** Equal for the same key in two sets. */
  readonly identity: string
}

/** Whether a key signs for an issuer; `tid` is the tenant of that issuer. */
export function signsFor ({ issuer }: SigningKey, expected: string, tid: string): boolean {
  return issuer === undefined || issuer.replaceAll('{tenantid}', tid) === expected
}

/** The members of a JWK set that sign RS256; each of the others is ignored. A key that was known keeps its object. */
export async function importKeys (members: readonly unknown[], known: ReadonlySet<SigningKey>): Promise<Set<SigningKey>> {
  const keys = await Promise.all(members.map((member) => importKey(member).catch(() => undefined)))
  const knownByIdentity = new Map([...known].map((key) => [key.identity, key]))
  return new Set(keys.filter((key) => key !== undefined).map((key) => knownByIdentity.get(key.identity) ?? key))
}

/** jose refuses what is not a public RSA key for RS256 signatures; too weak a key, or one without a `kid`, is refused here. */
async function importKey (member: unknown): Promise<SigningKey | undefined> {
  const { issuer: boundTo, ...jwk }: JWK & { issuer?: unknown } = ownCopy(Object(member))
  // RFC 7517 does not know `issuer`; null and empty are ways to leave it out.
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
