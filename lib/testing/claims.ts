import { randomBytes, randomInt, randomUUID } from 'node:crypto'

import { FABRIC_BACK_END, type Registration } from './registration.js'

/** The version of a token, its claim `ver`: it determines the format of the issuer, the audience and the calling application. */
export type TokenVersion = '1.0' | '2.0'

/** The claims of a token. */
export type Claims = Readonly<Record<string, unknown>>

const MINUTE = 60
const HOUR = 60 * MINUTE

/** The claims of an app token as Entra ID issues them to Fabric: issued five minutes ago, valid for a day. */
export function appClaims (version: TokenVersion, tenantId: string, registration: Registration): Claims {
  const servicePrincipal = randomUUID()
  return {
    ...commonClaims(version, tenantId, registration, 24 * HOUR),
    idp: `${registration.issuerV1}/${tenantId}/`,
    idtyp: 'app',
    oid: servicePrincipal,
    sub: servicePrincipal
  }
}

/** The claims of a subject token, the delegated token of a user: valid for 60 to 90 minutes. */
export function subjectClaims (version: TokenVersion, tenantId: string, registration: Registration): Claims {
  const name = `user-${randomInt(1_000_000)}@contoso.example`
  return {
    ...commonClaims(version, tenantId, registration, randomInt(60, 90) * MINUTE),
    ...(version === '1.0'
      ? { acr: '1', amr: ['pwd', 'mfa'], ipaddr: '192.0.2.1', upn: name }
      : { preferred_username: name }),
    name: 'A user of Fabric',
    oid: randomUUID(),
    scp: 'FabricWorkloadControl',
    sub: random(32)
  }
}

function commonClaims (version: TokenVersion, tenantId: string, registration: Registration, lifetime: number): Claims {
  const { audience, clientId, authority, issuerV1 } = registration
  const now = Math.floor(Date.now() / 1000)
  const begin = now - 5 * MINUTE
  return {
    ...(version === '1.0'
      ? { aud: audience, iss: `${issuerV1}/${tenantId}/`, appid: FABRIC_BACK_END, appidacr: '2' }
      : { aud: clientId, iss: `${authority}/${tenantId}/v2.0`, azp: FABRIC_BACK_END, azpacr: '2' }),
    iat: begin,
    nbf: begin,
    exp: now + lifetime,
    aio: random(30),
    rh: `1.${random(30)}.`,
    tid: tenantId,
    uti: random(16),
    ver: version
  }
}

/**
 * A random value, as in claims that only Entra ID can read. Never contains `eyJ`, so that a search for this beginning of
 * tokens in a log finds only tokens.
 */
function random (bytes: number): string {
  return randomBytes(bytes).toString('base64url').replaceAll('eyJ', 'eyj')
}
