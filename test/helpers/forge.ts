import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

import { decodeJwt, type JWTPayload } from 'jose'

import type { InternalAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { jwksFetch } from '../../lib/subject-and-app/signing-keys.js'
import type { Fabric, TokenVersion } from '../../lib/testing/index.js'

/** Computes the bytes of a signature. */
export type Signer = (input: Buffer) => Buffer

export const rs256 = (key: KeyObject): Signer => (input) => sign('sha256', input, key)
export const rs512 = (key: KeyObject): Signer => (input) => sign('sha512', input, key)
export const es256 = (key: KeyObject): Signer => (input) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
export const hmac = (hash: string, secret: string | Buffer): Signer => (input) => createHmac(hash, secret).update(input).digest()
/** A signature of RS256 with the exponent 1, which needs no private key: the padded hash itself (RFC 8017, 9.2). */
export const unsigned2048: Signer = (input) => {
  const info = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), createHash('sha256').update(input).digest()])
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - info.length, 255), Buffer.alloc(1), info])
}
export const nothing: Signer = () => Buffer.alloc(0)

const rsa = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength })
const anyTenant = 'https://login.microsoftonline.com/{tenantid}/v2.0'

/**
 * Signs tokens that no library would sign. It has additional published keys: one valid key, so that only the form of a
 * token is invalid, and several unsuitable keys, each with its `kid`.
 */
export class Forge {
  readonly fabric: Fabric
  /** The simulated Fabric's `authentication`, with the additional keys in the published set. */
  readonly authentication: InternalAuthenticationOptions
  readonly goodKey = rsa()
  readonly unfitKeys: Record<string, { privateKey: KeyObject, signer: (key: KeyObject) => Signer, jwk: object }>

  constructor (fabric: Fabric) {
    const jwk = (publicKey: KeyObject, changes: object) => ({ ...publicKey.export({ format: 'jwk' }), use: 'sig', issuer: anyTenant, ...changes })
    const unfit = ({ publicKey, privateKey }: { publicKey: KeyObject, privateKey: KeyObject }, changes: object, signer = rs256) =>
      ({ privateKey, signer, jwk: jwk(publicKey, changes) })
    const pair = rsa()
    this.unfitKeys = {
      'for-encryption': unfit(pair, { use: 'enc' }),
      'for-wrapping-keys': unfit(pair, { key_ops: ['wrapKey'] }),
      'for-rs512': unfit(pair, { alg: 'RS512' }),
      'of-1024-bits': unfit(rsa(1024), {}),
      'with-exponent-1': unfit(pair, { e: 'AQ' }, () => unsigned2048),
      elliptic: unfit(generateKeyPairSync('ec', { namedCurve: 'P-256' }), {}, es256),
      'of-another-authority': unfit(pair, { issuer: 'https://contoso.example/{tenantid}/v2.0' }),
      'of-v1-issuers': unfit(pair, { issuer: 'https://sts.windows.net/{tenantid}/' }),
      'of-no-readable-issuer': unfit(pair, { issuer: ['https://login.microsoftonline.com/{tenantid}/v2.0'] })
    }
    const keys = [
      { ...jwk(this.goodKey.publicKey, {}), kid: 'forge' },
      ...Object.entries(this.unfitKeys).map(([kid, { jwk }]) => ({ ...jwk, kid })),
      { kty: 'oct', kid: 'secret', k: base64url('a secret that is published') }
    ]
    this.fabric = fabric
    this.authentication = {
      ...fabric.authentication,
      [jwksFetch]: async () => Response.json({ keys: [...(await fabric.jwks()).keys, ...keys] })
    }
  }

  /** The claims of a valid token. */
  async claims (kind: 'app' | 'subject', version: TokenVersion = '1.0'): Promise<JWTPayload> {
    return decodeJwt(await (kind === 'app' ? this.fabric.appToken({ version }) : this.fabric.subjectToken({ version })))
  }

  /** Signs any header and payload; an object is merged with a valid header and written as JSON. */
  token (header: object | string, payload: object | string, signer = rs256(this.goodKey.privateKey)): string {
    const head = typeof header === 'string' ? header : JSON.stringify({ typ: 'JWT', alg: 'RS256', kid: 'forge', ...header })
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
    return this.seal(base64url(head), base64url(body), signer)
  }

  /** Signs two encoded parts, valid or not. */
  seal (head: string, body: string, signer = rs256(this.goodKey.privateKey)): string {
    return `${head}.${body}.${base64url(signer(Buffer.from(`${head}.${body}`)))}`
  }
}

export function base64url (bytes: string | Buffer): string {
  return Buffer.from(bytes).toString('base64url')
}
