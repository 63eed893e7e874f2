import type { KeyObject } from 'node:crypto'

import { base64url, type CompactJWSHeaderParameters, CompactSign } from 'jose'

/** The parameters of a token's JOSE header (RFC 7515, section 4). */
export type JoseHeader = Readonly<Record<string, unknown>>

/**
 * Makes a compact JWS of any header and claims, valid or not. The header's `alg` is the algorithm of the signature; with
 * `none`, or without `alg`, the signature is empty.
 */
export async function sign (header: JoseHeader, claims: object, key: KeyObject): Promise<string> {
  const payload = JSON.stringify(claims)
  if (!isSignable(header)) return `${base64url.encode(JSON.stringify(header))}.${base64url.encode(payload)}.`
  // jose signs critical parameters only if they are listed as understood.
  const crit = Object.fromEntries((header.crit ?? []).map((name) => [name, true]))
  return new CompactSign(Buffer.from(payload)).setProtectedHeader(header).sign(key, { crit })
}

function isSignable (header: JoseHeader): header is CompactJWSHeaderParameters {
  return typeof header.alg === 'string' && header.alg !== 'none'
}
