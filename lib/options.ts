import type { FastifyContextConfig, FastifyInstance } from 'fastify'

import type { JobCallbacks } from './callbacks.js'
import { similarNames, unknownNames } from './option-names.js'
import { ownCopy } from './own-properties.js'
import { AUTHENTICATION_OPTIONS, type AuthenticationOptions } from './subject-and-app/options.js'

/** The options that {@link FabricJobStateOptions} and {@link FabricJobsOptions} share. */
export interface SharedOptions {
  /**
   * The time limit of each callback, in milliseconds; then the caller gets 504 `ResolverTimeout` and the context's `signal`
   * is aborted. 0 means no limit.
   * @default 10_000
   */
  resolverTimeout?: number | undefined
  /**
   * How Fabric's tokens are verified. If it is left out, the plugin uses the `subjectAndApp` of a parent scope. `false` disables
   * authentication: for tests, and for hosts that authenticate Fabric by other means.
   */
  authentication?: AuthenticationOptions | false | undefined
  /**
   * Fastify's `config` of the routes, for hooks and plugins of the host that read it, e.g. `{ rateLimit: false }` for
   * `@fastify/rate-limit`.
   */
  config?: FastifyContextConfig | undefined
  /**
   * The `tags` of the operations in the OpenAPI document.
   * @default ['Jobs']
   */
  tags?: readonly string[] | undefined
  /**
   * The `security` of the operations in the OpenAPI document: security schemes of the document by their names, e.g.
   * `[{ SubjectAndApp: [] }]`.
   */
  security?: ReadonlyArray<Readonly<Record<string, readonly string[]>>> | undefined
  /**
   * The API that is served, from the same callbacks: that of the Workload Development Kit, which is the contract; that of its
   * successor, the Extensibility Toolkit, under `{prefix}/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobs/`:
   * `POST onCreateJobInstance`, `POST onGetJobInstanceStatus`, `POST onCancelJobInstance`; or both.
   *
   * The toolkit's is experimental: no contract is published as of November 2026, and the operations are those of the
   * toolkit's sample back end. They may change in any release.
   * @default 'workload-development-kit'
   */
  api?: 'workload-development-kit' | 'extensibility-toolkit' | 'both' | undefined
}

/** Options of {@link fabricJobState}, besides Fastify's own `prefix`, `logLevel` and `logSerializers`. */
export interface FabricJobStateOptions extends SharedOptions, Pick<JobCallbacks, 'resolveJobState'> {}

/** Options of {@link fabricJobs}, besides Fastify's own `prefix`, `logLevel` and `logSerializers`. */
export interface FabricJobsOptions extends SharedOptions, JobCallbacks {}

const DEFAULT_RESOLVER_TIMEOUT = 10_000
/** The maximum of `setTimeout`, in milliseconds: about 24.8 days. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * Checks the options that both plugins share, and adds the defaults. `authentication` is checked where it is used.
 *
 * @throws {TypeError} with a message that says what to write.
 */
export function checkedOptions ({
  resolverTimeout = DEFAULT_RESOLVER_TIMEOUT, authentication, config = {}, tags, security
}: SharedOptions) {
  if (!Number.isInteger(resolverTimeout) || resolverTimeout < 0 || resolverTimeout > LONGEST_TIMEOUT) {
    throw refusal(`resolverTimeout must be a whole number of milliseconds from 0 (no deadline) to ${LONGEST_TIMEOUT}`)
  }
  if (!isObject(config)) throw refusal('config must be an object: config: { rateLimit: false }')
  if (!isListOf(tags, (tag) => typeof tag === 'string')) throw refusal("tags must be a list of texts: tags: ['Jobs']")
  if (!isListOf(security, isObject)) throw refusal('security must be a list of objects: security: [{ SubjectAndApp: [] }]')
  const documented = { ...(tags !== undefined && { tags }), ...(security !== undefined && { security }) }
  return { resolverTimeout, authentication, config, documented }
}

function isObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOf (value: unknown, isItem: (item: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(isItem))
}

const CALLBACKS = {
  resolveJobState: { parameters: 2, example: "async ({ jobInstanceId }, context) => ({ status: 'InProgress' })" },
  createJobInstance: { parameters: 3, example: 'async ({ jobInstanceId }, request, context) => { … }' },
  cancelJobInstance: { parameters: 2, example: "async ({ jobInstanceId }, context) => ({ status: 'Cancelled' })" }
}
const SHARED = ['resolverTimeout', 'authentication', 'config', 'tags', 'security', 'api']

/**
 * Checks the names of the options, and that the callbacks are functions. Options that the plugin does not have are ignored, with
 * one warning; a name that is similar to one of the plugin's options is refused.
 *
 * @returns a copy of the options that inherits nothing
 * @throws {TypeError} with a message that says what to write.
 */
export function checkCallbacks<T extends object> (
  { log }: Pick<FastifyInstance, 'log'>, options: T, names: ReadonlyArray<keyof T & keyof typeof CALLBACKS>
): T {
  const own = ownCopy(options)
  const known = [...names, ...SHARED]
  const unknown = unknownNames(own, known)
  for (const name of unknown) refuseMistaken(name, known)
  if (unknown.length > 0) log.warn(`Options that fastify-fabric-job-state does not have are ignored: ${unknown.join(', ')}`)
  for (const name of names) {
    const { parameters, example } = CALLBACKS[name]
    const callback: unknown = own[name]
    if (typeof callback !== 'function') throw refusal(`${name} must be a function: ${name}: ${example}`)
    if (callback.length > parameters) throw refusal(`${name} takes ${parameters} parameters: ${name}: ${example}`)
  }
  return own
}

/** Refuses a name that is similar to one of the plugin's options, or an option that belongs elsewhere. */
function refuseMistaken (name: string, known: readonly string[]): void {
  if (Object.hasOwn(CALLBACKS, name)) throw refusal(`${name} is an option of fabricJobs, which serves all three operations`)
  if (AUTHENTICATION_OPTIONS.includes(name)) throw refusal(`${name} is an option of authentication: authentication: { ${name}: … }`)
  const similar = similarNames(name, known)
  if (similar.length > 0) throw refusal(`there is no option "${name}": write ${similar.join(' or ')}`)
}

/** Creates an error of registration; its message says what to write. */
export function refusal (message: string): TypeError {
  return new TypeError(`fastify-fabric-job-state: ${message}.`)
}
