import type { Db, JobWithMetadata, PgBoss, SendOptions } from 'pg-boss'

import { toWorkloadError } from '../errors/error-response.js'
import { WorkloadError } from '../errors/workload-error.js'
import { isUuid } from '../subject-and-app/uuid.js'
import { jobNotAccepted } from './failures.js'
import { hostError } from './host-error.js'
import type { Owner } from './owner.js'

/** The methods of a `PgBoss` that reading and cancelling a job needs. */
export type PgBossReader = Pick<PgBoss, 'getDb' | 'getDependencies'>

/** The methods of a `PgBoss` that creating a job needs. */
export type PgBossSender = PgBossReader & Pick<PgBoss, 'createQueue' | 'send'>

/**
 * The metadata of a job, stored beside its data in `trace_context`, a column of JSON that pg-boss writes when it creates the
 * job, keeps through all attempts, and never changes. `boss.update` replaces the data.
 */
export interface Origin {
  fabricJob: Owner
  /** The `ActivityId` of the request that created the job, if any. */
  fabricActivityId: string | undefined
}

/** A row of pg-boss. Times are ISO 8601. */
export interface StoredJob {
  state: JobWithMetadata['state']
  startedOn: string | null
  completedOn: string | null
  /** Of a failed job only. */
  output: unknown
}

/** A job that a worker of this process runs. */
export interface RunningJob {
  id: string
  /** Counts the attempts. */
  retryCount: number
  activityId: string | null
}

/** The key of a job in pg-boss. */
export interface JobKey {
  queue: string
  id: string
}

// JSON made by PostgreSQL, as text: a host's type parsers, its adapter and `DateStyle` have no effect on it.
const JOB = `json_build_object('state', state, 'startedOn', started_on, 'completedOn', completed_on,
  'output', CASE WHEN state = 'failed' THEN output END)::text`
// Release 0.1.0 and `withOwner` store the owner in the data.
const IS_OWNED = "name = $1 AND id = $2 AND coalesce(trace_context -> 'fabricJob', data -> 'fabricJob') @> $3::text::jsonb"

/** Reads a job of this owner with one look-up by primary key. */
export async function findStoredJob (boss: PgBossReader, key: JobKey, owner: Owner): Promise<StoredJob | undefined> {
  return await ownedJob(boss, key, owner, (schema) => `SELECT ${JOB} AS job FROM ${schema}.job WHERE ${IS_OWNED}`)
}

/**
 * Cancels a job of this owner unless it has ended, and reads it, in one statement. `boss.cancel` asks for no owner.
 *
 * @returns undefined if this owner has no such job
 */
export async function cancelStoredJob (boss: PgBossReader, key: JobKey, owner: Owner): Promise<StoredJob | undefined> {
  return await ownedJob(boss, key, owner, (schema) => `
    UPDATE ${schema}.job SET
      state = CASE WHEN state < 'completed' THEN 'cancelled' ELSE state END,
      completed_on = CASE WHEN state < 'completed' THEN ${schema}.job_now() ELSE completed_on END
    WHERE ${IS_OWNED}
    RETURNING ${JOB} AS job`)
}

async function ownedJob (
  boss: PgBossReader, { queue, id }: JobKey, owner: Owner, statement: (schema: string) => string
): Promise<StoredJob | undefined> {
  // PostgreSQL's text has no NUL, so no job is stored with one.
  if (!isUuid(id) || [queue, ...Object.values(owner)].some((text) => text.includes('\0'))) return undefined
  const { rows } = await boss.getDb().executeSql(statement(await schemaOf(boss)), [queue, id, JSON.stringify(owner)])
  return rows.length === 0 ? undefined : JSON.parse(rows[0].job)
}

/** Those of the jobs that are active, with their latest attempt. */
export async function activeJobs (boss: PgBossReader, queue: string, ids: string[]): Promise<RunningJob[]> {
  const { rows } = await boss.getDb().executeSql(`
    SELECT json_build_object(
      'id', id, 'retryCount', retry_count, 'activityId', trace_context ->> 'fabricActivityId')::text AS job
    FROM ${await schemaOf(boss)}.job
    WHERE name = $1 AND id = ANY($2::uuid[]) AND state = 'active'`, [queue, ids])
  return rows.map(({ job }) => JSON.parse(job))
}

/**
 * Stores a job with its origin, in one statement, unless it exists. A queue that does not exist is created.
 *
 * @throws {WorkloadError} 409 if pg-boss did not accept the job, or if its id is another owner's; 400 if it cannot be stored;
 * 500 if the options are wrong.
 */
export async function createStoredJob (
  boss: PgBossSender, { queue, id }: JobKey, data: object, options: SendOptions, origin: Origin
): Promise<void> {
  const db = storingOrigin(boss, origin)
  const key = { queue, id }
  const send = () => boss.send(queue, data, { ...options, id, db }).catch((error: unknown) => {
    throw hasCode(error, UNTRANSLATABLE_CHARACTER) ? notStorable(error) : error
  })
  const created = await send().catch(async (error: unknown) => {
    if (error instanceof WorkloadError) throw error
    // Creates the queue unless it exists. pg-boss then reads it again, which another server may have deleted or recreated.
    await boss.createQueue(queue)
    return await send()
  }).catch(async (error: unknown) => {
    throw await hostError(error, isOfPostgres, () => findStoredJob(boss, key, origin.fabricJob))
  })
  if (created === null && await findStoredJob(boss, key, origin.fabricJob) === undefined) throw jobNotAccepted()
}

/** The database of pg-boss, which adds the origin to the job that it inserts. */
function storingOrigin (boss: PgBossReader, origin: Origin): Db {
  return {
    executeSql: async (text, [jobs] = []) => {
      if (!text.includes('"__traceContext" as trace_context')) throw unknownStatements()
      const [job]: [{ __traceContext: object | null }] = JSON.parse(String(jobs))
      const stored = { ...job, __traceContext: { ...job.__traceContext, ...origin } }
      return await boss.getDb().executeSql(text, [JSON.stringify([stored])])
    }
  }
}

const schemas = new WeakMap<PgBossReader, string>()

/** The schema of pg-boss, which no method of its returns: from the text of a statement, which is not executed. */
async function schemaOf (boss: PgBossReader): Promise<string> {
  const known = schemas.get(boss)
  if (known !== undefined) return known
  const statements: string[] = []
  const db = { executeSql: async (text: string) => { statements.push(text); return { rows: [] } } }
  await boss.getDependencies('any', 'any', { db })
  const [, schema] = /FROM (\S+)\.job_dependency/.exec(statements.join()) ?? []
  if (schema === undefined) throw unknownStatements()
  schemas.set(boss, schema)
  return schema
}

function unknownStatements (): WorkloadError {
  return toWorkloadError(new Error('This release of pg-boss is not supported: its statements differ from those of pg-boss 12.'))
}

/**
 * True for an error of PostgreSQL or of the connection, which both have a code; not for one of a value (SQLSTATE classes 22
 * and 23), nor for an assertion of pg-boss.
 */
function isOfPostgres (error: unknown): boolean {
  return error instanceof Error && 'code' in error && !/^(?:2[23]|ERR_ASSERTION)/.test(String(error.code))
}

/** PostgreSQL has no NUL and no half of a surrogate pair. */
const UNTRANSLATABLE_CHARACTER = '22P05'

function hasCode (error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function notStorable (cause: unknown): WorkloadError {
  return new WorkloadError({
    statusCode: 400,
    errorCode: 'InvalidRequest',
    message: 'The job cannot be created: the request has a character that the workload cannot store.',
    source: 'User',
    isPermanent: true,
    cause
  })
}

/** @throws {TypeError} if it is not a `PgBoss` of pg-boss 12.38 or newer. */
export function checkBoss (boss: unknown): void {
  if (!hasMethod(boss, 'getDb') || !hasMethod(boss, 'send')) {
    throw new TypeError(`${PREFIX} boss must be a PgBoss of pg-boss 12, not ${kindOf(boss)}.`)
  }
  // Came in the same release as the column `trace_context`.
  if (!hasMethod(boss, 'getInstances')) {
    throw new TypeError(`${PREFIX} boss must be a PgBoss of pg-boss 12.38 or newer; this one is older.`)
  }
}

const PREFIX = 'fastify-fabric-job-state:'

function hasMethod (value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function'
}

function kindOf (value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`
}
