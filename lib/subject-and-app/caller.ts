import type { JWTPayload } from 'jose'

/**
 * The authenticated caller of a request.
 *
 * It is frozen, because all requests with the same tokens share it.
 */
export interface Caller {
  /** The tenant named in `x-ms-client-tenant-id`, in lower case. */
  readonly tenantId: string
  /** Fabric itself: the claims of the app token. */
  readonly app: { readonly claims: Readonly<JWTPayload> }
  /**
   * The user behind the call; absent for calls without a user (service principals, automation).
   * `token` serves on-behalf-of calls; it is not enumerable, so that logging the caller does not print it.
   */
  readonly subject?: { readonly token: string, readonly claims: Readonly<JWTPayload> }
}
