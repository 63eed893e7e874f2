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

/** Differences of a token from a valid one. */
export interface TokenOptions {
  /**
   * The token's version.
   * @default '1.0'
   */
  version?: TokenVersion
  /** The tenant that issues it, for `tid` and `iss`. Default: the publisher's tenant for an app token, else the user's. */
  tenantId?: string
  /** Claims that replace those of a valid token; `undefined` removes a claim. */
  claims?: Claims
  /** Parameters that replace those of the JOSE header; `undefined` removes one. `alg` is also the algorithm of the signature. */
  header?: JoseHeader
  /** The key to sign with, in place of the simulated Fabric's. */
  key?: KeyObject
}

/** Differences of the headers of a call from valid ones. */
export interface HeadersOptions {
  /**
   * The version of both tokens.
   * @default '1.0'
   */
  version?: TokenVersion
  /** The app token, or the options of one. */
  appToken?: string | TokenOptions
  /** The subject token, or the options of one; `''` for a call without a user. */
  subjectToken?: string | TokenOptions
  /** The tenant of the user or service behind the call, for `x-ms-client-tenant-id` and the subject token; a UUID. */
  tenantId?: string
}

/** The headers that Fabric sends with each call, their names in lower case as Node has them. */
export type FabricHeaders = Record<'authorization' | 'x-ms-client-tenant-id' | 'activityid' | 'requestid', string>

/** Differences of a poll from a valid one for the job instance of the contract's sample. */
export interface PollOptions extends HeadersOptions {
  /** The `prefix` that the plugin was registered with. */
  prefix?: string
  /** The job instance; properties that are left out are those of the sample. */
  job?: Partial<JobInstance>
}

/** A request for Fastify's `inject`. */
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

/** Differences of a request of the Extensibility Toolkit from a valid one for the job instance of the contract's sample. */
export interface ToolkitRequestOptions extends PollOptions {
  /** Properties of the body that are added to `jobType` and `jobInstanceId`, or replace them: `{ executionData: { months: 12 } }`. */
  body?: object
}

/** A request of the Extensibility Toolkit for Fastify's `inject`. */
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
  /** The option `authentication` for a server that fetches its keys from there, also in another process. */
  readonly authentication: AuthenticationOptions
  /** Closes it. */
  readonly close: () => Promise<void>
}

/**
 * Simulates Fabric in tests: it generates keys, signs tokens of both versions as Entra ID does, and builds the headers of a
 * poll, valid and invalid. It needs no network.
 *
 * Use its keys in tests and for development on your machine. Never trust them in production: anyone who obtains them can
 * sign valid requests.
 *
 * @param options The workload that it calls; IDs that are left out have fixed sample values.
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
  /** The workload that it calls, and the tenant of its users. */
  readonly registration: Registration
  /**
   * The option `authentication` for a server in the same process: the keys need no network. Spread it to add options:
   * `{ ...fabric.authentication, subjectToken: 'required' }`.
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

  /** Makes a poll: a request for the state of a job instance. */
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
   * Makes every kind of headers that a server must refuse, each with a name and the status of the response: tokens that were
   * not issued to Fabric, have expired or are for another workload, pairs that do not match, and malformed headers. Each
   * differs from a valid call in the one thing that its name says.
   *
   * @param version The version of the tokens.
   */
  badHeaders ({ version = '1.0' }: { version?: TokenVersion } = {}): Promise<BadHeaders[]> {
    return makeBadHeaders(this, this.#keys, version)
  }

  /** The response of the key endpoint: the public keys. */
  jwks (): Promise<JSONWebKeySet> {
    return this.#keys.jwks()
  }

  /** Signs with a new key from now on. The old keys stay published until {@link retireKeys}. */
  rotateKeys (): Promise<void> {
    return this.#keys.rotate()
  }

  /** Publishes only the current key from now on: tokens from before the last {@link rotateKeys} become invalid. */
  retireKeys (): void {
    this.#keys.retire()
  }

  /**
   * Serves the public keys over http on loopback, for a server in another process, or for a test of fetching the
   * keys.
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
