import { type KeyObject, randomUUID } from 'node:crypto'

import Fastify from 'fastify'
import type { JSONWebKeySet } from 'jose'

import {
  GetItemJobInstanceState, OnCancelJobInstance, OnCreateJobInstance, OnGetJobInstanceStatus
} from '../../schemas/index.js'
import type { JobInstance } from '../callbacks.js'
import type { AuthenticationOptions, InternalAuthenticationOptions } from '../subject-and-app/options.js'
import { jwksFetch } from '../subject-and-app/signing-keys.js'
import { type BadHeaders, makeBadHeaders } from './bad-headers.js'
import { appClaims, type Claims, subjectClaims, type TokenVersion } from './claims.js'
import { completeRegistration, type Registration } from './registration.js'
import { type JoseHeader, sign } from './sign.js'
import { SigningKeys } from './signing-keys.js'

/** How a token differs from a good one. */
export interface TokenOptions {
  /**
   * The token's version.
   * @default '1.0'
   */
  version?: TokenVersion
  /** The tenant that issues it, for `tid` and `iss`. Default: the publisher's for an app token, else the user's. */
  tenantId?: string
  /** Claims to put in place of the sample's; `undefined` leaves one out. */
  claims?: Claims
  /** Parameters to put in place of the JOSE header's; `undefined` leaves one out. `alg` decides how it is signed. */
  header?: JoseHeader
  /** What to sign with in place of this Fabric's own key. */
  key?: KeyObject
}

/** How the headers of a call differ from those of a good one. */
export interface HeadersOptions {
  /**
   * The version of both tokens.
   * @default '1.0'
   */
  version?: TokenVersion
  /** The app token, made or to be made. */
  appToken?: string | TokenOptions
  /** The subject token, made or to be made; `''` where no user is behind the call. */
  subjectToken?: string | TokenOptions
  /** The tenant of the user or service behind the call, for `x-ms-client-tenant-id` and the subject token; a uuid. */
  tenantId?: string
}

/** The headers that Fabric sends with each call, their names in lower case as Node has them. */
export type FabricHeaders = Record<'authorization' | 'x-ms-client-tenant-id' | 'activityid' | 'requestid', string>

/** How a poll differs from a good one for the job instance of the contract's sample. */
export interface PollOptions extends HeadersOptions {
  /** The `prefix` that the plugin was registered with. */
  prefix?: string
  /** The job instance that is asked about; what is left out is the sample's. */
  job?: Partial<JobInstance>
}

/** A request as Fastify's `inject` takes it. */
export interface Poll {
  /** The contract's method. */
  method: 'GET'
  /** The path, under the prefix, with the job instance in it. */
  url: string
  /** Fabric's headers, with both tokens. */
  headers: FabricHeaders
}

/** The operations on jobs of the Extensibility Toolkit. Experimental: no contract is published as of November 2026. */
export type ToolkitOperation = keyof typeof TOOLKIT_URLS

/** How a request of the Extensibility Toolkit differs from a good one for the job instance of the contract's sample. */
export interface ToolkitRequestOptions extends PollOptions {
  /** Properties of the body, beside `jobType` and `jobInstanceId` or in place of them: `{ executionData: { months: 12 } }`. */
  body?: object
}

/** A request of the Extensibility Toolkit as Fastify's `inject` takes it. */
export interface ToolkitRequest {
  /** The method of all its operations. */
  method: 'POST'
  /** The path, under the prefix, with the item and the operation in it. */
  url: string
  /** Fabric's headers, with both tokens. */
  headers: FabricHeaders
  /** The body, with the job type and the job instance in it. */
  payload: { jobType: string, jobInstanceId: string }
}

/** A key endpoint on loopback. */
export interface KeyEndpoint {
  /** The address of the JWK set. */
  readonly jwksUri: string
  /** What to write as `authentication` for a server that fetches its keys from there, also in another process. */
  readonly authentication: AuthenticationOptions
  /** Closes it. */
  readonly close: () => Promise<void>
}

/**
 * A simulated Fabric for tests: it has keys, signs tokens of both versions as Entra ID would, and makes the
 * headers of a poll, good ones and bad ones. It needs no network.
 *
 * Its keys are made for the occasion and handed to whoever asks. They are for tests and for development on one's own
 * machine: a server that believes them believes everybody who can reach them.
 *
 * @param options The workload that it calls; the ids that are left out are made up, the same each time.
 *
 * @example
 * import assert from 'node:assert/strict'
 * import Fastify from 'fastify'
 * import fabricJobState from 'fastify-fabric-job-state'
 * import { createFabric } from 'fastify-fabric-job-state/testing'
 *
 * const fabric = createFabric()
 * const app = Fastify()
 * await app.register(fabricJobState, {
 *   resolveJobState: async () => ({ status: 'InProgress' }),
 *   authentication: fabric.authentication
 * })
 *
 * const poll = await fabric.poll()
 * assert.equal((await app.inject(poll)).statusCode, 200)
 *
 * for (const { name, statusCode, headers } of await fabric.badHeaders()) {
 *   const refusal = await app.inject({ ...poll, headers })
 *   assert.equal(refusal.statusCode, statusCode, name)
 * }
 */
export function createFabric (options: Partial<Registration> = {}): Fabric {
  return new Fabric(completeRegistration(options))
}

/** See {@link createFabric}. */
export class Fabric {
  /** The workload that it calls, and the tenant of the users that it calls for. */
  readonly registration: Registration
  /**
   * What to write as `authentication` for a server in the same process: the keys come without a network. Spread it to
   * add options: `{ ...fabric.authentication, subjectToken: 'required' }`.
   */
  readonly authentication: InternalAuthenticationOptions
  readonly #keys: SigningKeys

  constructor (registration: Registration) {
    const { tenantId, ...authentication } = registration
    this.registration = registration
    this.authentication = { ...authentication, [jwksFetch]: async () => Response.json(await this.jwks()) }
    this.#keys = new SigningKeys(registration.authority)
  }

  /** Makes an app token, which proves that a call comes from Fabric. */
  appToken (options: TokenOptions = {}): Promise<string> {
    const { version = '1.0', tenantId = this.registration.publisherTenantId } = options
    return this.#sign(appClaims(version, tenantId, this.registration), options)
  }

  /** Makes a subject token, which names the user behind a call. */
  subjectToken (options: TokenOptions = {}): Promise<string> {
    const { version = '1.0', tenantId = this.registration.tenantId } = options
    return this.#sign(subjectClaims(version, tenantId, this.registration), options)
  }

  /**
   * Makes the headers of a call, with new tokens. Spread them to change one: `{ ...headers, authorization: '' }`.
   *
   * @example
   * await fabric.headers({ subjectToken: '' })                                  // a call without a user
   * await fabric.headers({ version: '2.0' })                                    // v2.0 tokens
   * await fabric.headers({ appToken: { claims: { idtyp: undefined } } })        // 401
   * await fabric.headers({ subjectToken: { claims: { scp: 'Item.Read.All' } } }) // 403
   */
  async headers (options: HeadersOptions = {}): Promise<FabricHeaders> {
    const { version = '1.0', tenantId = this.registration.tenantId, appToken = {}, subjectToken = {} } = options
    const app = typeof appToken === 'string' ? appToken : await this.appToken({ version, ...appToken })
    const subject = typeof subjectToken === 'string'
      ? subjectToken
      : await this.subjectToken({ version, tenantId, ...subjectToken })
    return {
      authorization: `SubjectAndAppToken1.0 subjectToken="${subject}", appToken="${app}"`,
      'x-ms-client-tenant-id': tenantId,
      activityid: randomUUID(),
      requestid: randomUUID()
    }
  }

  /** Makes a poll: the question how a job instance is doing. */
  async poll ({ prefix = '', job, ...headers }: PollOptions = {}): Promise<Poll> {
    return { method: 'GET', url: prefix + pathOf({ ...SAMPLE_JOB, ...job }, GetItemJobInstanceState.url), headers: await this.headers(headers) }
  }

  /**
   * Makes a request of the Extensibility Toolkit, for a workload with `api: 'extensibility-toolkit'` or `'both'`. Experimental:
   * no contract is published as of November 2026.
   *
   * @example
   * await fabric.toolkitRequest('onCreateJobInstance', { body: { executionData: { months: 12 } } })
   * await fabric.toolkitRequest('onGetJobInstanceStatus', { prefix: '/workload-api', job: { jobInstanceId } })
   */
  async toolkitRequest (
    operation: ToolkitOperation, { prefix = '', job, body, ...headers }: ToolkitRequestOptions = {}
  ): Promise<ToolkitRequest> {
    const { jobType, jobInstanceId, ...item } = { ...SAMPLE_JOB, ...job }
    return {
      method: 'POST',
      url: prefix + pathOf(item, TOOLKIT_URLS[operation]),
      headers: await this.headers(headers),
      payload: { jobType, jobInstanceId, ...body }
    }
  }

  /**
   * Makes every kind of headers that have to be refused, each by its name and with the status of the refusal: tokens
   * that are not Fabric's, or no longer, or not for this workload, pairs that do not belong together, and malformed
   * headers. Each differs from a good call in the one thing that its name says.
   *
   * @param version The version of the tokens.
   */
  badHeaders ({ version = '1.0' }: { version?: TokenVersion } = {}): Promise<BadHeaders[]> {
    return makeBadHeaders(this, this.#keys, version)
  }

  /** What the key endpoint answers: the public keys. */
  jwks (): Promise<JSONWebKeySet> {
    return this.#keys.jwks()
  }

  /** Signs with a new key from now on. The old ones stay published until {@link retireKeys}. */
  rotateKeys (): Promise<void> {
    return this.#keys.rotate()
  }

  /** Publishes no key any more but the one that signs: tokens from before the last {@link rotateKeys} are worthless. */
  retireKeys (): void {
    this.#keys.retire()
  }

  /**
   * Serves the public keys over http on loopback, for a server in another process, or one whose fetching of keys is
   * under test.
   */
  async listen (): Promise<KeyEndpoint> {
    const server = Fastify({ forceCloseConnections: true })
    server.get(KEYS_PATH, () => this.jwks())
    const jwksUri = await server.listen({ host: '127.0.0.1', port: 0 }) + KEYS_PATH
    const { [jwksFetch]: inProcess, ...authentication } = this.authentication
    return { jwksUri, authentication: { ...authentication, jwksUri }, close: () => server.close() }
  }

  async #sign (claims: Claims, options: TokenOptions): Promise<string> {
    const { kid, privateKey } = await this.#keys.current()
    const header = { typ: 'JWT', alg: 'RS256', x5t: kid, kid, ...options.header }
    return sign(header, { ...claims, ...options.claims }, options.key ?? privateKey)
  }
}

const KEYS_PATH = '/common/discovery/v2.0/keys'

/** The contract's sample request. */
const SAMPLE_JOB: JobInstance = {
  workspaceId: 'e5ef604d-e14f-4a59-9133-75d5a0cb9334',
  itemType: 'Contoso.FinanceAnalytics.Forecast',
  itemId: 'b14cb7e7-d346-4751-9cfd-8c2767d53111',
  jobType: 'calculateForecast',
  jobInstanceId: '63f77191-432d-4ee6-9c5f-31a1a6987072'
}

const TOOLKIT_URLS = {
  onCreateJobInstance: OnCreateJobInstance.url,
  onGetJobInstanceStatus: OnGetJobInstanceStatus.url,
  onCancelJobInstance: OnCancelJobInstance.url
}

function pathOf (parameters: Partial<JobInstance>, url: string): string {
  return Object.entries(parameters).reduce((path, [name, value]) => path.replace(`:${name}`, encodeURIComponent(value)), url)
}
