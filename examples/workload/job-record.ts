// What the page at `/` shows of the workload's jobs. Times are milliseconds since 1970.
import type { ErrorResponse, ItemJobInstanceState } from 'fastify-fabric-job-state/schemas'

/** A call to the workload and its response. Tokens are cut short. */
export interface CallRecord {
  requestId: string
  at: number
  /** Milliseconds until the response was sent. */
  took: number
  sentBy: string
  method: string
  statusCode: number
  /** The state's status or the error's code; empty where the response has no body. */
  outcome: string
  request: string
  response: string
  error?: ErrorResponse | undefined
  /** What the server logged about this request, also below its log level. */
  log: string[]
}

/** A stretch of time in which a job had one state; `NoState` where the workload could not report it. */
export interface Span {
  state: ItemJobInstanceState['status'] | 'NoState'
  from: number
  to: number
}

/** A job of the workload, as its calls and their responses describe it. */
export interface JobRecord {
  jobInstanceId: string
  jobType: string
  itemType: string
  itemId: string
  workspaceId: string
  /** The path of its endpoint. */
  path: string
  /** Undefined for a job that was started before the server was. */
  startedBy: string | undefined
  createdAt: number
  state?: ItemJobInstanceState | undefined
  /** The latest poll's error, if it was answered with one. */
  error?: ErrorResponse | undefined
  /** Milliseconds from the end of the job to the poll that reported it, if the job was polled before it ended. */
  reportedAfter?: number | undefined
  spans: Span[]
  /** The times of the latest polls. */
  polls: number[]
  callCount: number
}

/** The states in which a job stays. */
export const FINAL: ReadonlySet<string | undefined> = new Set(['Completed', 'Failed', 'Cancelled'])

/** Adds what a response says of a job at a time: its state, or none where the workload could not report it. */
export function addObservation (job: JobRecord, at: number, state: ItemJobInstanceState | undefined): void {
  if (FINAL.has(job.state?.status)) return
  if (state !== undefined) addState(job, at, state)
  change(job.spans, state?.status ?? 'NoState', at)
}

function addState (job: JobRecord, at: number, state: ItemJobInstanceState): void {
  const started = timeOf(state.startTimeUtc)
  const ended = timeOf(state.endTimeUtc)
  const isFirst = job.state === undefined
  // A job from before the server's start, or whose worker was faster than the response to its creation.
  if (isFirst && started !== undefined && started < job.createdAt) {
    job.spans = [{ state: 'InProgress', from: started, to: ended ?? started }]
  }
  if (started !== undefined) changeSince(job.spans, 'InProgress', started, at)
  if (ended !== undefined) changeSince(job.spans, state.status, ended, at)
  if (ended !== undefined && !isFirst) job.reportedAfter = Math.max(at - ended, 0)
  job.state = state
}

/** Dates a change back to when it happened, unless the workload reported another state since. */
function changeSince (spans: Span[], state: Span['state'], since: number, at: number): void {
  const last = spans.at(-1)
  if (last !== undefined && last.state !== 'NoState' && last.state !== state && since > last.from) {
    change(spans, state, Math.min(since, at))
  }
}

function change (spans: Span[], state: Span['state'], at: number): void {
  const last = spans.at(-1)
  const from = last === undefined ? at : Math.max(at, last.from)
  if (last !== undefined) last.to = from
  if (last?.state !== state) spans.push({ state, from, to: from })
}

function timeOf (time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time)
}
