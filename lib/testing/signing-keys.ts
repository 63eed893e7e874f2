import { generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

import type { JSONWebKeySet, JWK } from 'jose'

import { OTHER_TENANT_ID } from './registration.js'

/** A key pair that signs tokens, and its name in the JWK set. */
export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** The keys of one authority. Each is generated on first use. */
export class SigningKeys {
  /** The `kid` of a published key that is bound to another tenant: only its issuer differs from the key that signs. */
  readonly tenantBoundKid = newKid()
  readonly #authority: string
  /** Oldest first; the last one signs. */
  #published: Array<Promise<SigningKey>> = []

  constructor (authority: string) {
    this.#authority = authority
  }

  /** The key that signs. */
  current (): Promise<SigningKey> {
    return this.#published.at(-1) ?? this.#publish()
  }

  /** Publishes a new key, which signs from now on. */
  async rotate (): Promise<void> {
    await this.current()
    await this.#publish()
  }

  /** Publishes only the key that signs from now on. */
  retire (): void {
    this.#published = this.#published.slice(-1)
  }

  /** The response of the authority's key endpoint: keys without `alg`, like those of Entra ID, one of them bound to a tenant. */
  async jwks (): Promise<JSONWebKeySet> {
    const { publicKey } = await this.current()
    const published = await Promise.all(this.#published)
    return {
      keys: [
        ...published.map((key) => this.#jwk(key, '{tenantid}')),
        this.#jwk({ kid: this.tenantBoundKid, publicKey }, OTHER_TENANT_ID)
      ]
    }
  }

  #publish (): Promise<SigningKey> {
    const key = newSigningKey()
    this.#published.push(key)
    return key
  }

  #jwk ({ kid, publicKey }: Omit<SigningKey, 'privateKey'>, tenantId: string): JWK & { issuer: string } {
    const { n = '', e = '' } = publicKey.export({ format: 'jwk' })
    return { kty: 'RSA', use: 'sig', kid, x5t: kid, n, e, issuer: `${this.#authority}/${tenantId}/v2.0` }
  }
}

/** Generates a key, in the thread pool, because that is slow. */
export async function newSigningKey (): Promise<SigningKey> {
  return { kid: newKid(), ...await promisify(generateKeyPair)('rsa', { modulusLength: 2048 }) }
}

/** Entra ID's key IDs are the SHA-1 thumbprints of certificates: 20 bytes. */
function newKid (): string {
  return randomBytes(20).toString('base64url')
}
