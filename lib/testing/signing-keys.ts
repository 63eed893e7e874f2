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

/** The keys of one authority. Each is made when it is first needed. */
export class SigningKeys {
  /** Names a published key that is bound to another tenant: nothing but its issuer tells it from the one that signs. */
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

  /** Publishes no key any more but the one that signs. */
  retire (): void {
    this.#published = this.#published.slice(-1)
  }

  /** What the authority's key endpoint answers: keys without `alg` as Entra ID's are, one of them bound to a tenant. */
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

/** Makes a key, off the main thread; that takes about a tenth of a second. */
export async function newSigningKey (): Promise<SigningKey> {
  return { kid: newKid(), ...await promisify(generateKeyPair)('rsa', { modulusLength: 2048 }) }
}

/** Entra ID's key ids are the SHA-1 thumbprints of certificates: 20 bytes. */
function newKid (): string {
  return randomBytes(20).toString('base64url')
}
