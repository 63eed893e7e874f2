import { randomUUID } from 'node:crypto'

import { PgBoss, type ConstructorOptions } from 'pg-boss'
import type { Test } from 'tap'

import { withOwner } from '../../lib/engines/pg-boss.js'
import type { JobInstance } from '../../lib/index.js'
import { CALLER } from './polling.js'
import { DATABASE_URL } from './services.js'

const QUIET = { supervise: false, schedule: false, registerInstance: false, monitorIntervalSeconds: 1 }

/** A schema of pg-boss that is dropped with the test; several servers can share it. */
export class Engine {
  readonly schema = `jobs_${randomUUID().replaceAll('-', '')}`
  readonly #bosses: PgBoss[] = []

  constructor (t: Test, isDropped = true) {
    t.teardown(async () => {
      await Promise.all(this.#bosses.map((boss) => boss.stop({ graceful: false })))
      if (isDropped) await this.sql(`DROP SCHEMA IF EXISTS ${this.schema} CASCADE`)
    })
  }

  /** A server's boss, not started. */
  boss (options: ConstructorOptions = {}): PgBoss {
    const connectionString = options.db === undefined ? DATABASE_URL : undefined
    const boss = new PgBoss({ ...QUIET, schema: this.schema, ...connectionString && { connectionString }, ...options })
    this.#bosses.push(boss.on('error', () => {}))
    return boss
  }

  start (options: ConstructorOptions = {}): Promise<PgBoss> {
    return this.boss(options).start()
  }

  /** Runs a statement beside pg-boss; `SCHEMA` in it is the schema. */
  async sql (text: string, values: unknown[] = []): Promise<Array<Record<string, unknown>>> {
    const last = new PgBoss({ ...QUIET, migrate: false, schema: this.schema, connectionString: DATABASE_URL })
    const db = last.on('error', () => {}).getDb()
    if (!('open' in db && typeof db.open === 'function' && 'close' in db && typeof db.close === 'function')) return []
    await db.open()
    try {
      const { rows } = await db.executeSql(text.replaceAll('SCHEMA.', `${this.schema}.`), values)
      return rows
    } finally {
      await db.close()
    }
  }
}

/** The URL of a new database, which is dropped with the test: workers of other tests would take jobs from a shared queue. */
export async function newDatabase (t: Test): Promise<string> {
  const engine = new Engine(t, false)
  await engine.sql(`CREATE DATABASE ${engine.schema}`)
  t.teardown(() => engine.sql(`DROP DATABASE ${engine.schema} WITH (FORCE)`))
  return new URL(engine.schema, DATABASE_URL).href
}

/** A started boss in a separate schema. */
export async function startBoss (t: Test, options: ConstructorOptions): Promise<PgBoss> {
  return await new Engine(t, options.db === undefined).start(options)
}

/** Sends a job with its owner in the data, as a host does that uses the resolver alone. */
export async function send (boss: PgBoss, job: JobInstance, options = {}): Promise<JobInstance> {
  const { id, data } = withOwner(job, CALLER, { seconds: 1 })
  await boss.send(job.jobType, data, { id, ...options })
  return job
}
