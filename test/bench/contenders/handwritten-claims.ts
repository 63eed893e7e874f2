import type { IncomingHttpHeaders } from 'node:http'

import type { Registration } from '../contenders.js'

/** The claims of a v1.0 token that are checked. */
export interface Claims {
  iss?: string | undefined
  tid?: string
  appid?: string
  idtyp?: string
  scp?: string
  [claim: string]: unknown
}

const HEADER = /^SubjectAndAppToken1\.0 subjectToken="([\w.-]*)", appToken="([\w.-]+)"$/
const FABRIC_APP_IDS = ['00000009-0000-0000-c000-000000000000', 'd2450708-699c-41e3-8077-b0c8341509aa']

/** The two tokens of an Authorization header. */
export function readTokens ({ authorization = '' }: IncomingHttpHeaders): { subjectToken: string, appToken: string } {
  const [, subjectToken, appToken] = HEADER.exec(authorization) ?? []
  if (subjectToken === undefined || appToken === undefined) throw new Error('Unexpected token format')
  return { subjectToken, appToken }
}

/** The issuer and the audience of a v1.0 token of the tenant. */
export function expected (tenantId: string | undefined, { audience, issuerV1 }: Registration) {
  return { audience, issuer: `${issuerV1}/${tenantId}/` }
}

/** The checks that no library makes. */
export function checkClaims (app: Claims, subject: Claims, headers: IncomingHttpHeaders, registration: Registration): void {
  const holds =
    app.idtyp === 'app' && app.scp === undefined &&
    app.tid === registration.publisherTenantId &&
    FABRIC_APP_IDS.includes(app.appid ?? '') &&
    subject.idtyp === undefined && subject.scp?.split(' ').includes('FabricWorkloadControl') &&
    subject.appid === app.appid &&
    subject.tid === headers['x-ms-client-tenant-id']
  if (!holds) throw new Error('Unexpected claims')
}
