import type { FastifyBaseLogger, FastifyRequest } from 'fastify'

import type { CreateItemJobInstanceRequest, GetItemJobInstanceStateParams, ItemJobInstanceState } from '../schemas/index.js'
import type { Caller } from './subject-and-app/caller.js'

/** A job instance: the path parameters of the request, the three UUIDs in lower case. */
export type JobInstance = GetItemJobInstanceStateParams

/** The context that a callback gets besides the job. */
export interface JobStateContext {
  /** Fastify's request. */
  readonly request: FastifyRequest
  /** The request's logger: each line has `activityId` and `fabricRequestId`. */
  readonly log: FastifyBaseLogger
  /**
   * Aborted at the deadline (`resolverTimeout`) and when the client disconnects: pass it to queries and requests.
   * It is created lazily, on first access, so a callback that ignores it costs nothing.
   */
  readonly signal: AbortSignal
  /** The authenticated caller; `undefined` with `authentication: false`. */
  readonly caller: Caller | undefined
  /** The `ActivityId` header, if any: correlates everything that one user interaction started. */
  readonly activityId: string | undefined
  /** The `RequestId` header, if any: the ID to quote when reporting a problem to Microsoft. */
  readonly requestId: string | undefined
}

type Time = Extract<keyof ItemJobInstanceState, `${string}TimeUtc`>

/** Mapped from the contract's type, which keeps its descriptions. */
type Times = { [K in keyof Pick<ItemJobInstanceState, Time>]: Date | string | null | undefined }

/** `null` in an optional property means absent, as in database rows. */
type NullAsAbsent<T> = T extends object
  ? { [K in keyof T]: undefined extends T[K] ? NullAsAbsent<T[K]> | null : NullAsAbsent<T[K]> }
  : T

/**
 * The contract's `ItemJobInstanceState` as a callback may return it: times are a `Date` or an RFC 3339 string with an offset,
 * `null` in an optional property means absent, properties that the contract does not have are dropped.
 */
export interface JobState extends NullAsAbsent<Omit<ItemJobInstanceState, Time>>, Times {}

/** The return value of a callback that reports a state; `null` and `undefined` mean that there is no such job (404). */
export type JobStateResult = JobState | null | undefined | Promise<JobState | null | undefined>

/**
 * Returns the state of a job instance; `null` or `undefined` if there is no such job (404).
 *
 * A job that failed is a state, not an error: `{ status: 'Failed', errorDetails }`. Throw when the state cannot be
 * determined: a {@link WorkloadError} chooses the response, anything else is a 500.
 *
 * @example
 * const resolveJobState: JobStateResolver = async ({ jobInstanceId }) => jobs.get(jobInstanceId)
 */
export type JobStateResolver = (job: JobInstance, context: JobStateContext) => JobStateResult

/**
 * Starts a job instance (the contract's `Jobs_CreateItemJobInstance`): resolves when the job is accepted (202). Fabric may
 * send a create again when it had no response, so a second call for the same job is not an error.
 *
 * For a create of the Extensibility Toolkit (experimental), `creationPayload` is its `executionData`, `invokeType` is
 * `UnknownFutureValue`, because the toolkit does not say it, and its `definition` is in `context.request.body`.
 *
 * @example
 * const createJobInstance: CreateJobInstance = async ({ jobInstanceId }, { creationPayload }) => {
 *   await queue.add(jobInstanceId, creationPayload)
 * }
 */
export type CreateJobInstance =
  (job: JobInstance, request: CreateItemJobInstanceRequest, context: JobStateContext) => void | Promise<void>

/**
 * Cancels a job instance (the contract's `Jobs_CancelItemJobInstance`) and returns its state; `null` or `undefined` if
 * there is no such job (404). A job that has ended keeps its state.
 */
export type CancelJobInstance = (job: JobInstance, context: JobStateContext) => JobStateResult

/** The callbacks of a host that serves the whole job. */
export interface JobCallbacks {
  /** Starts a job instance. */
  createJobInstance: CreateJobInstance
  /** Returns the state of a job instance. */
  resolveJobState: JobStateResolver
  /** Cancels a job instance and returns its state. */
  cancelJobInstance: CancelJobInstance
}
