import type { CancelJobInstance, CreateJobInstance, JobStateResolver } from './callbacks.js'
import type { AuthenticationOptions } from './subject-and-app/options.js'

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
}

/** Options of {@link fabricJobState}, besides Fastify's own `prefix`, `logLevel` and `logSerializers`. */
export interface FabricJobStateOptions extends SharedOptions {
  /** Returns the state of a job instance. */
  resolveJobState: JobStateResolver
}

/** Options of {@link fabricJobs}, besides Fastify's own `prefix`, `logLevel` and `logSerializers`. */
export interface FabricJobsOptions extends FabricJobStateOptions {
  /** Starts a job instance. */
  createJobInstance: CreateJobInstance
  /** Cancels a job instance and returns its state. */
  cancelJobInstance: CancelJobInstance
}

const DEFAULT_RESOLVER_TIMEOUT = 10_000
/** The maximum of `setTimeout`, in milliseconds: about 24.8 days. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * Checks the options that both plugins have, and fills in the defaults; `authentication` is checked where it is used.
 *
 * @throws {TypeError} with a message that says what to write.
 */
export function checkedOptions ({ resolverTimeout = DEFAULT_RESOLVER_TIMEOUT, authentication }: SharedOptions) {
  if (!Number.isInteger(resolverTimeout) || resolverTimeout < 0 || resolverTimeout > LONGEST_TIMEOUT) {
    throw refusal(`resolverTimeout must be a whole number of milliseconds from 0 (no deadline) to ${LONGEST_TIMEOUT}`)
  }
  return { resolverTimeout, authentication }
}

const CALLBACKS = {
  resolveJobState: { parameters: 2, example: "async ({ jobInstanceId }, context) => ({ status: 'InProgress' })" },
  createJobInstance: { parameters: 3, example: 'async ({ jobInstanceId }, request, context) => { … }' },
  cancelJobInstance: { parameters: 2, example: "async ({ jobInstanceId }, context) => ({ status: 'Cancelled' })" }
}
const SHARED = ['resolverTimeout', 'authentication']
const FASTIFYS = ['prefix', 'logLevel', 'logSerializers']

/**
 * Checks that the callbacks are functions, and that there is no option with another name.
 *
 * @throws {TypeError} with a message that says what to write.
 */
export function checkCallbacks<T extends object> (options: T, names: ReadonlyArray<keyof T & keyof typeof CALLBACKS>): T {
  const known = [...names, ...SHARED]
  const unknown = Object.keys(options).find((name) => !known.includes(name) && !FASTIFYS.includes(name))
  if (unknown !== undefined) throw refusal(`there is no option "${unknown}"; the options are ${known.join(', ')}`)
  for (const name of names) {
    const { parameters, example } = CALLBACKS[name]
    const callback: unknown = options[name]
    if (typeof callback !== 'function') throw refusal(`${name} must be a function: ${name}: ${example}`)
    if (callback.length > parameters) throw refusal(`${name} takes ${parameters} parameters: ${name}: ${example}`)
  }
  return options
}

/** An error of registration, which says what to write. */
export function refusal (message: string): TypeError {
  return new TypeError(`fastify-fabric-job-state: ${message}.`)
}
