// Stands in until the real module is merged.
import type { FetchImplementation } from 'jose'

import type { jwksFetch } from './signing-keys.js'

export interface AuthenticationOptions {
  publisherTenantId: string
  audience: string | readonly string[]
  clientId: string
  authority?: string | undefined
  issuerV1?: string | undefined
  jwksUri?: string | undefined
}

export interface InternalAuthenticationOptions extends AuthenticationOptions {
  [jwksFetch]?: FetchImplementation
}
