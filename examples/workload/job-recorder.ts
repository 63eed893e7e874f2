import { EventEmitter } from 'node:events'

import type { JobInstance } from 'fastify-fabric-job-state'
import {
  CancelItemJobInstance, GetItemJobInstanceState, type ItemJobInstanceState, OnCancelJobInstance, OnCreateJobInstance,
  OnGetJobInstanceStatus
} from 'fastify-fabric-job-state/schemas'
import type { FastifyInstance, FastifyRequest } from 'fastify'

import { addObservation, type CallRecord, type JobRecord } from './job-record.js'
import { keepLogLines } from './log-lines.js'
import { recordedCall } from './recorded-call.js'

const MAX_JOBS = 100
const MAX_CALLS_OF_A_JOB = 30
const MAX_CALLS = 100
const MAX_POLLS = 100

export interface JobWithCalls {
  job: JobRecord
  /** The latest calls, the oldest first. */
  calls: CallRecord[]
}

export interface RecordedCall {
  call: CallRecord
  /** The job after the call; undefined if the workload does not find it. */
  job: JobRecord | undefined
}

type Identity = Pick<JobRecord, 'path' | keyof JobInstance>

/** The recorded jobs and the latest calls of the workload: in memory only, and bounded. */
export class JobRecorder extends EventEmitter<{ recorded: [RecordedCall] }> {
  readonly #jobs = new Map<string, JobWithCalls>()
  readonly #calls = new Map<string, CallRecord>()

  /** The oldest first. */
  get jobs (): JobWithCalls[] {
    return [...this.#jobs.values()]
  }

  /** The call with that RequestId, if it is one of the latest. */
  call (requestId: string): CallRecord | undefined {
    return this.#calls.get(requestId)
  }

  /** @param state the state in the response, if it has one */
  record (identity: Identity, call: CallRecord, state: ItemJobInstanceState | undefined): void {
    setBounded(this.#calls, call.requestId, call, MAX_CALLS)
    const id = identity.jobInstanceId.toLowerCase()
    if (!this.#jobs.has(id) && (call.statusCode === 202 || state !== undefined)) {
      setBounded(this.#jobs, id, { job: newJob(identity, call), calls: [] }, MAX_JOBS)
    }
    const known = this.#jobs.get(id)
    if (known !== undefined) {
      known.calls = [...known.calls, call].slice(-MAX_CALLS_OF_A_JOB)
      addCall(known.job, call, state)
    }
    this.emit('recorded', { call, job: known?.job })
  }
}

function newJob (identity: Identity, { at, sentBy, statusCode }: CallRecord): JobRecord {
  return {
    ...identity,
    startedBy: CREATED.has(statusCode) ? sentBy : undefined,
    createdAt: at,
    spans: [{ state: 'NotStarted', from: at, to: at }],
    polls: [],
    callCount: 0
  }
}

/** The responses to a creation in Fabric's two APIs; 201 has the state. */
const CREATED = new Set([201, 202])

/** Responses to a create and to unauthenticated callers do not contain the state of the job. */
const WITHOUT_STATE = new Set([202, 401, 403])

function addCall (job: JobRecord, call: CallRecord, state: ItemJobInstanceState | undefined): void {
  job.callCount++
  if (WITHOUT_STATE.has(call.statusCode)) return
  const at = call.at + call.took
  job.polls = [...job.polls, at].slice(-MAX_POLLS)
  job.error = call.error
  addObservation(job, at, state)
}

/** Sets an entry, and removes the oldest one if there are too many. */
function setBounded<T> (map: Map<string, T>, key: string, value: T, max: number): void {
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}

/** Records the calls of the workload's job operations: on each route of any plugin that is registered after this. */
export function recordJobs (app: FastifyInstance, api: string): JobRecorder {
  const recorder = new JobRecorder()
  const linesOf = keepLogLines(app)
  app.addHook<unknown, Routes>('onSend', async (request, reply, payload) => {
    const identity = request.method === 'HEAD' ? undefined : identityOf(request, api)
    if (identity === undefined) return
    const { call, state } = recordedCall(request, reply, payload, linesOf(request.raw))
    recorder.record(identity, call, state)
  })
  return recorder
}

interface Routes { Params: JobInstance }

const KIT_URLS = new Set<string>([GetItemJobInstanceState.url, CancelItemJobInstance.url])
const TOOLKIT_URLS = new Set<string>([OnCreateJobInstance.url, OnGetJobInstanceStatus.url, OnCancelJobInstance.url])

/** The job that a request names, in its path or, in the Extensibility Toolkit, in its body; undefined if it names none. */
function identityOf ({ url, params, body, routeOptions }: FastifyRequest<Routes>, api: string): Identity | undefined {
  const route = routeOptions.url?.startsWith(api) ? routeOptions.url.slice(api.length) : ''
  if (KIT_URLS.has(route)) return { ...params, path: url.replace(/(?:\/cancel)?(?:\?.*)?$/, '') }
  const { jobType, jobInstanceId } = Object(body)
  if (!TOOLKIT_URLS.has(route) || typeof jobType !== 'string' || typeof jobInstanceId !== 'string') return undefined
  const item = url.replace(/\/jobs\/\w+(?:\?.*)?$/, '')
  const [type, id] = [jobType, jobInstanceId].map((name) => encodeURIComponent(name.toWellFormed()))
  return { ...params, jobType, jobInstanceId, path: `${item}/jobTypes/${type}/instances/${id}` }
}
