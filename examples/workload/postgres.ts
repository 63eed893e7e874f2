import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { PGlite } from '@electric-sql/pglite'
import type { FastifyBaseLogger } from 'fastify'
import { fromPglite, PgBoss, type ConstructorOptions } from 'pg-boss'

import { SettingError, type Settings, writableFolder } from './settings.js'

export interface OpenBoss {
  boss: PgBoss
  /** Where its jobs are stored. */
  store: string
  /** Rejects if PostgreSQL cannot be reached. */
  askBoss: () => Promise<unknown>
  closeBoss: () => Promise<void>
}

/** How long a stopping server waits for its jobs before it returns them to the queue, in milliseconds. */
const PATIENCE = 1_000

/**
 * Starts pg-boss on the PostgreSQL of `databaseUrl`, else on one that is embedded in this process (PGlite), its data in
 * `dataDir`. The engine and its SQL are the same.
 *
 * @throws {SettingError} if PostgreSQL refuses the connection, or the folder cannot be used.
 */
export async function openPgBoss (
  { databaseUrl, dataDir }: Pick<Settings, 'databaseUrl' | 'dataDir'>, log: FastifyBaseLogger
): Promise<OpenBoss> {
  if (databaseUrl === undefined) return await startEmbedded(dataDir, log)
  return await start({ connectionString: databaseUrl }, 'PostgreSQL', log).catch((error: unknown) => {
    throw new SettingError(`DATABASE_URL must lead to a PostgreSQL that the server may use: ${reasonOf(error)}.`)
  })
}

/** The message of a driver's error, in one line; an AggregateError of several attempts has no message. */
function reasonOf (error: unknown): string {
  const { message, code } = Object(error)
  return String(message || code).replace(/\s+/g, ' ')
}

async function startEmbedded (dataDir: string, log: FastifyBaseLogger): Promise<OpenBoss> {
  const release = await claim(await writableFolder(dataDir))
  const folder = join(dataDir, 'pglite')
  await mkdir(folder, { recursive: true })
  const pglite = await PGlite.create(folder)
  const { closeBoss, ...open } = await start({ db: fromPglite(pglite), backend: 'pglite' }, folder, log)
  return {
    ...open,
    async closeBoss () {
      await closeBoss()
      await pglite.close()
      await release()
    }
  }
}

async function start (database: ConstructorOptions, store: string, log: FastifyBaseLogger): Promise<OpenBoss> {
  const boss = new PgBoss({
    ...database,
    // Workers are notified of new jobs at once, and notice within seconds if another worker has died.
    useListenNotify: true,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5
  })
  boss.on('error', (error) => log.error(error))
  await boss.start()
  return {
    boss,
    store,
    askBoss: () => boss.getDb().executeSql('SELECT 1'),
    closeBoss: () => boss.stop({ timeout: PATIENCE })
  }
}

/**
 * PGlite does not notice that two processes write to the same folder, so the first process stores its ID there.
 *
 * @returns a function that removes the ID
 */
async function claim (folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'server.pid')
  const pid = Number(await readFile(file, 'utf8').catch(() => '0'))
  if (pid !== process.pid && isRunning(pid)) {
    throw new SettingError(`DATA_DIR must be a folder of this server alone: ${folder} is in use by process ${pid}. ` +
      `Set another folder; or delete ${file} if that process is no such server.`)
  }
  await writeFile(file, String(process.pid))
  return () => rm(file, { force: true })
}

function isRunning (pid: number): boolean {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
