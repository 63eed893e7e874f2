import type { JobStateResolver } from './job-state-resolver.js'
import type { AuthenticationOptions } from './subject-and-app/options.js'

/** What `app.register(fabricJobState, …)` takes, besides Fastify's own `prefix`, `logLevel` and `logSerializers`. */
export interface FabricJobStateOptions {
  /** Tells how a job instance is doing. */
  resolveJobState: JobStateResolver
  /**
   * How long the resolver may take, in milliseconds; then the caller gets 504 `ResolverTimeout` and the context's
   * `signal` aborts. 0 waits for ever.
   * @default 10_000
   */
  resolverTimeout?: number
  /**
   * Which tokens are Fabric's. Left out, the plugin uses the `subjectAndApp` of a parent scope. `false` lets everybody
   * reach the resolver, and is meant for tests and for hosts that authenticate Fabric by other means.
   */
  authentication?: AuthenticationOptions | false
}

const DEFAULT_RESOLVER_TIMEOUT = 10_000
/** What setTimeout can count to, in milliseconds: about 24.8 days. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

const OWN = ['resolveJobState', 'resolverTimeout', 'authentication']
const FASTIFYS = ['prefix', 'logLevel', 'logSerializers']

/**
 * Checks the plugin's options and fills in the defaults; those of `authentication` are checked where they are used.
 *
 * @throws {TypeError} with a message that says what to write.
 */
export function checkedOptions (options: FabricJobStateOptions) {
  const { resolveJobState, resolverTimeout = DEFAULT_RESOLVER_TIMEOUT, authentication } = options

  const unknown = Object.keys(options).find((name) => !OWN.includes(name) && !FASTIFYS.includes(name))
  if (unknown !== undefined) throw refusal(`there is no option "${unknown}"; its options are ${OWN.join(', ')}`)
  if (typeof resolveJobState !== 'function') {
    throw refusal("give it a resolver: resolveJobState: async ({ jobInstanceId }) => ({ status: 'InProgress' })")
  }
  if (!Number.isInteger(resolverTimeout) || resolverTimeout < 0 || resolverTimeout > LONGEST_TIMEOUT) {
    throw refusal(`resolverTimeout is a whole number of milliseconds from 0 (no deadline) to ${LONGEST_TIMEOUT}`)
  }
  return { resolveJobState, resolverTimeout, authentication }
}

/** An error of registration, which says what to write. */
export function refusal (message: string): TypeError {
  return new TypeError(`fastify-fabric-job-state: ${message}.`)
}
