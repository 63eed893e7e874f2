/** The registration of a workload in Entra ID, and the tenant of its users. */
export interface Registration {
  /** The tenant of the workload's application, a UUID. */
  readonly publisherTenantId: string
  /** The application's Application ID URI: the audience of v1.0 tokens. */
  readonly audience: string
  /** The application's client ID, a UUID: the audience of v2.0 tokens. */
  readonly clientId: string
  /** The beginning of the issuers of v2.0 tokens: by default the public cloud's. */
  readonly authority: string
  /** The beginning of the issuers of v1.0 tokens: by default the public cloud's. */
  readonly issuerV1: string
  /** The tenant of the users behind the calls, a UUID. */
  readonly tenantId: string
}

/** Adds the defaults. The sample IDs are always the same, so that they can be recognized in a log. */
export function completeRegistration ({
  publisherTenantId = '1c9f6a3e-58d4-4b07-9a2e-6f0d7b815c42',
  audience = `api://localdevinstance/${publisherTenantId}/Contoso.FinanceAnalytics/1`,
  clientId = '7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c',
  authority = 'https://login.microsoftonline.com',
  issuerV1 = 'https://sts.windows.net',
  tenantId = 'b35d81f7-0e6c-4a92-b7d8-2c41e9f5036a'
}: Partial<Registration>): Registration {
  return { publisherTenantId, audience, clientId, authority, issuerV1, tenantId }
}

/** A tenant that is neither the publisher's nor the user's. */
export const OTHER_TENANT_ID = 'd04e7c28-93b1-4f5a-8c66-1ea2f7053b9d'

/** Fabric's back end, the application that polls the states of jobs. */
export const FABRIC_BACK_END = '00000009-0000-0000-c000-000000000000'
/** The other of Fabric's two applications. */
export const FABRIC_CLIENT_FOR_WORKLOADS = 'd2450708-699c-41e3-8077-b0c8341509aa'
