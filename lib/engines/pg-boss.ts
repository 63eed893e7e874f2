import type { JobWithMetadata, PgBoss } from 'pg-boss'

import type { ErrorDetails } from '../../schemas/index.js'
import type { JobInstance, JobState, JobStateResolver } from '../callbacks.js'
import { askEngine, type EngineOptions } from './ask-engine.js'
import { JOB_FAILED, toErrorDetails, WORKER_LOST } from './error-details.js'
import { stampOf, type JobStamp } from './job-stamp.js'

export type { EngineOptions } from './ask-engine.js'
export { stampJob, type JobStamp, type Stamped } from './job-stamp.js'

/** What {@link pgBossJobState} takes. */
export interface PgBossJobStateOptions extends EngineOptions {
  /**
   * Names the queue that the job was sent to; `undefined` says that there is none (404).
   * @default the job type, where pg-boss takes it for a name: letters of ASCII, digits and `_ . - /`
   */
  queue?: (job: JobInstance) => string | undefined
}

/**
 * A resolver over [pg-boss](https://github.com/timgit/pg-boss), jobs in PostgreSQL. The job's id is Fabric's
 * `jobInstanceId` and its data bears the stamp that {@link stampJob} makes; a job without, or with another's, is not there.
 *
 * | state in pg-boss | that is | answer | startTimeUtc | endTimeUtc |
 * | --- | --- | --- | --- | --- |
 * | `created` | waits for a worker, for its time (`startAfter`), or for the jobs that it depends on (blocked) | NotStarted | | |
 * | `created`, started before | cancelled after it had started, then resumed | InProgress | started_on | |
 * | `active` | a worker has it; or had it and died, until pg-boss notices (`heartbeatSeconds`, `expireInSeconds`) | InProgress | started_on | |
 * | `retry` | between two attempts: it failed, expired or lost its worker, and will be tried again | InProgress | started_on | |
 * | `retry`, never started | failed by hand before any worker had it | NotStarted | | |
 * | `completed` | | Completed | started_on | completed_on |
 * | `cancelled` | | Cancelled | started_on | completed_on |
 * | `failed` | no attempt is left; its copy in a dead letter queue, and what is redriven from there, are other jobs with other ids | Failed | started_on | completed_on |
 * | no such row | never sent, deleted, or removed by retention (`deleteAfterSeconds`, 7 days; `retentionSeconds`, 14 days) | 404 | | |
 *
 * pg-boss has no paused queues: a job that no worker takes stays `created`. It keeps the start of the latest attempt
 * alone, so the start time of a job that is tried again moves.
 *
 * What the worker threw is kept by pg-boss as a whole: of a `WorkloadError` people see its own code, message, source
 * and details, of anything else the message. A job that ran too long gets the code `JobTimedOut`, one whose worker died
 * `JobWorkerLost`.
 *
 * A poll is one query: the job's row by its primary key, with the stamp as a condition. (The first poll of a queue asks
 * for the queue, too.) PostgreSQL's driver can take no query back, so `signal` has nothing to do here; `timeout` bounds the
 * wait. Keep the data and the output of a job small, they come with its row. Listen to the `error` event of the boss:
 * it tells of lost connections.
 *
 * **A third engine** is one more file like this one and its neighbour:
 * 1. find out which states the engine knows, in its sources, and write the table above for them;
 * 2. the resolver: where the job is looked for, `null` where it cannot be, the question put through `askEngine`;
 * 3. `findJob`: one look-up on the engine's primary key, of a job that bears the stamp (`stampOf`, `bearsStamp`);
 * 4. `toJobState`: a job that will be tried again is not Failed, one that has begun is not NotStarted;
 * 5. `failureOf`: how the engine keeps what a worker threw, handed to `toErrorDetails`;
 * 6. the engine as an optional peer dependency, imported as types only; an entry under `exports`;
 * 7. the same tests: each state reached for real, the stamp, the engine down and back.
 *
 * @throws {TypeError} when an option makes no sense.
 *
 * @example
 * const boss = new PgBoss(process.env.DATABASE_URL)
 * boss.on('error', (error) => app.log.error(error))
 * await boss.start()
 * await app.register(fabricJobState, { resolveJobState: pgBossJobState(boss), authentication })
 */
export function pgBossJobState (boss: PgBossReader, options: PgBossJobStateOptions = {}): JobStateResolver {
  const { queue = jobTypeAsQueue } = options
  const ask = askEngine(options)

  return async (job, { caller, log }) => {
    const name = queue(job)
    // PostgreSQL's text holds no NUL, so no job can have been stored with one.
    if (name === undefined || [job.itemType, job.jobType].some((type) => type.includes('\0'))) return null
    const found = await ask(() => findJob(boss, name, job.jobInstanceId, stampOf(job, caller)), log)
    return found === undefined ? null : toJobState(found)
  }
}

/** The part of a `PgBoss` that polls need. */
export type PgBossReader = Pick<PgBoss, 'findJobs'>

type StoredJob = Pick<JobWithMetadata, 'state' | 'startedOn' | 'completedOn' | 'output'>

const QUEUE_NAME = /^[\w.\-/]+$/

function jobTypeAsQueue ({ jobType }: JobInstance): string | undefined {
  return QUEUE_NAME.test(jobType) ? jobType : undefined
}

async function findJob (boss: PgBossReader, queue: string, id: string, fabricJob: JobStamp): Promise<StoredJob | undefined> {
  try {
    const [job] = await boss.findJobs(queue, { id, data: { fabricJob }, limit: 1 })
    return job
  } catch (error) {
    if (isQueueMissing(error)) return undefined
    throw error
  }
}

function isQueueMissing (error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'PGBOSS_QUEUE_NOT_FOUND'
}

function toJobState ({ state, startedOn, completedOn, output }: StoredJob): JobState {
  switch (state) {
    case 'created':
    case 'retry':
    case 'active':
      return startedOn ? { status: 'InProgress', startTimeUtc: startedOn } : { status: 'NotStarted' }
    case 'completed':
      return { status: 'Completed', startTimeUtc: startedOn, endTimeUtc: completedOn }
    case 'cancelled':
      return { status: 'Cancelled', startTimeUtc: startedOn, endTimeUtc: completedOn }
    case 'failed':
      return { status: 'Failed', startTimeUtc: startedOn, endTimeUtc: completedOn, errorDetails: failureOf(output) }
    default:
      throw unknownState(state)
  }
}

/** The compiler refuses the call as soon as pg-boss declares a state that the switch above lacks. */
function unknownState (state: never): Error {
  return new Error(`pg-boss says that the job is "${String(state)}", a state that is not known here.`)
}

/** pg-boss keeps an error as a plain object, any other thing as `{ value }`, and writes some failures itself. */
function failureOf (output: unknown): ErrorDetails {
  const failure = typeof output === 'object' && output !== null && 'value' in output ? output.value : output
  const details = toErrorDetails(failure)
  // Who has a code has chosen the message.
  return (details.errorCode === JOB_FAILED ? ENGINE_FAILURES.get(details.message) : undefined) ?? details
}

const ENGINE_FAILURES = new Map<string, ErrorDetails>([
  ['job timed out', {
    errorCode: 'JobTimedOut',
    message: 'The job took longer than it is allowed to and was given up.',
    source: 'System'
  }],
  ['job heartbeat timeout', WORKER_LOST]
])
