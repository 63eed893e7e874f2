// The records of the workload's jobs that the page at `/` shows. Times are milliseconds since 1970.
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
  /** The status of the state or the code of the error; empty if the response has no body. */
  outcome: string
  request: string
  response: string
  error?: ErrorResponse | undefined
  /** The server's log lines of this request, also those below its log level. */
  log: string[]
}

/** A period in which a job had one state; `NoState` if the workload could not report it. */
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
  /** Undefined for a job that was started before this server. */
  startedBy: string | undefined
  createdAt: number
  state?: ItemJobInstanceState | undefined
  /** The error in the response to the latest poll, if any. */
  error?: ErrorResponse | undefined
  /** Milliseconds from the end of the job to the poll that reported it, if the job was polled before it ended. */
  reportedAfter?: number | undefined
  spans: Span[]
  /** The times of the latest polls. */
  polls: number[]
  callCount: number
}

/** The final states of a job. */
export const FINAL: ReadonlySet<string | undefined> = new Set(['Completed', 'Failed', 'Cancelled'])

/** Adds the state of a job in a response at a time, or `NoState` if the workload could not report it. */
export function addObservation (job: JobRecord, at: number, state: ItemJobInstanceState | undefined): void {
  if (FINAL.has(job.state?.status)) return
  if (state !== undefined) addState(job, at, state)
  change(job.spans, state?.status ?? 'NoState', at)
}

function addState (job: JobRecord, at: number, state: ItemJobInstanceState): void {
  const started = timeOf(state.startTimeUtc)
  const ended = timeOf(state.endTimeUtc)
  const isFirst = job.state === undefined
  // A job from before the server's start, or one that started before the response to its creation.
  if (isFirst && started !== undefined && started < job.createdAt) {
    job.spans = [{ state: 'InProgress', from: started, to: ended ?? started }]
  }
  if (started !== undefined) changeSince(job.spans, 'InProgress', started, at)
  if (ended !== undefined) changeSince(job.spans, state.status, ended, at)
  if (ended !== undefined && !isFirst) job.reportedAfter = Math.max(at - ended, 0)
  job.state = state
}

/** Sets the time of a change to when it happened, unless the workload reported another state since. */
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
