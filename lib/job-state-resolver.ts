import type { FastifyBaseLogger, FastifyRequest } from 'fastify'

import type { GetItemJobInstanceStateParams, ItemJobInstanceState } from '../schemas/index.js'
import type { Caller } from './subject-and-app/caller.js'

/** The job instance that Fabric asks about: the path's parameters, the three uuids in lower case. */
export type JobInstance = GetItemJobInstanceStateParams

/** What comes with the question. */
export interface JobStateContext {
  /** Fastify's request. */
  readonly request: FastifyRequest
  /** The request's logger: each line carries `activityId` and `fabricRequestId`. */
  readonly log: FastifyBaseLogger
  /**
   * Aborts at the deadline (`resolverTimeout`) and when the client has gone: hand it to whatever can be cancelled.
   * It is made when it is first read, so a resolver that ignores it pays nothing.
   */
  readonly signal: AbortSignal
  /** Who asks; `undefined` with `authentication: false`. */
  readonly caller: Caller | undefined
  /** The `ActivityId` header, if any: correlates everything that one user interaction set off. */
  readonly activityId: string | undefined
  /** The `RequestId` header, if any: the id to quote when reporting a problem to Microsoft. */
  readonly requestId: string | undefined
}

type Time = Extract<keyof ItemJobInstanceState, `${string}TimeUtc`>

/** Made from the contract's own, which keeps its descriptions. */
type Times = { [K in keyof Pick<ItemJobInstanceState, Time>]: Date | string | null | undefined }

/** `null` in an optional place means absent, as rows from databases have it. */
type NullAsAbsent<T> = T extends object
  ? { [K in keyof T]: undefined extends T[K] ? NullAsAbsent<T[K]> | null : NullAsAbsent<T[K]> }
  : T

/**
 * The contract's `ItemJobInstanceState` as a resolver may give it: times are a `Date` or an RFC 3339 string with an
 * offset, `null` in an optional property means absent, properties that the contract does not know are dropped.
 */
export interface JobState extends NullAsAbsent<Omit<ItemJobInstanceState, Time>>, Times {}

/**
 * Tells how a job instance is doing; `null` or `undefined` says that there is no such job (404).
 *
 * A job that failed is an answer, not an error: `{ status: 'Failed', errorDetails }`. What is thrown says that the
 * state could not be told: a {@link WorkloadError} chooses the answer, anything else becomes a 500.
 *
 * @example
 * const resolveJobState: JobStateResolver = async ({ jobInstanceId }) => jobs.get(jobInstanceId)
 */
export type JobStateResolver = (job: JobInstance, context: JobStateContext) =>
  JobState | null | undefined | Promise<JobState | null | undefined>

/** The body of the request that creates a job instance. */
export interface CreateItemJobInstanceRequest {
  /** How the job was started: `Manual`, `Scheduled`, or a value that the contract does not list yet. */
  invokeType: string
  /** What the item passes to the job; its form is up to the workload. */
  creationPayload?: Record<string, unknown>
}

/**
 * Starts a job. Resolves when the job is accepted; called again for the same job, it resolves, too.
 */
export type CreateJobInstance = (job: JobInstance, request: CreateItemJobInstanceRequest, context: JobStateContext) =>
  void | Promise<void>

/** Cancels a job, and returns its state after that; `null` or `undefined` if there is no such job (404). */
export type CancelJobInstance = (job: JobInstance, context: JobStateContext) =>
  JobState | null | undefined | Promise<JobState | null | undefined>
