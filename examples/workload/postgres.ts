import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { PGlite } from '@electric-sql/pglite'
import { fromPglite, PgBoss, type ConstructorOptions } from 'pg-boss'

export interface OpenBoss {
  boss: PgBoss
  /** Where its jobs are, in words. */
  store: string
  closeBoss: () => Promise<void>
}

/** How long a stopping server waits for its jobs before it returns them to the queue, in milliseconds. */
const PATIENCE = 1_000

/**
 * Starts pg-boss on the PostgreSQL of `databaseUrl`, else on one that is embedded in this process (PGlite), its data in
 * `dataDir`. The engine and its SQL are the same.
 */
export async function openPgBoss (
  { databaseUrl, dataDir }: { databaseUrl: string | undefined, dataDir: string }
): Promise<OpenBoss> {
  return databaseUrl
    ? await start({ connectionString: databaseUrl }, 'PostgreSQL')
    : await startEmbedded(dataDir)
}

async function startEmbedded (dataDir: string): Promise<OpenBoss> {
  const folder = join(dataDir, 'pglite')
  await mkdir(folder, { recursive: true })
  const release = await claim(dataDir)
  const pglite = await PGlite.create(folder)
  const { closeBoss, ...open } = await start({ db: fromPglite(pglite), backend: 'pglite' }, folder)
  return {
    ...open,
    async closeBoss () {
      await closeBoss()
      await pglite.close()
      await release()
    }
  }
}

async function start (database: ConstructorOptions, store: string): Promise<OpenBoss> {
  const boss = new PgBoss({
    ...database,
    // Workers hear of new jobs at once, and soon of workers that died.
    useListenNotify: true,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5
  })
  boss.on('error', console.error)
  await boss.start()
  return { boss, store, closeBoss: () => boss.stop({ timeout: PATIENCE }) }
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
    throw new Error(`${folder} is in use by process ${pid}. Set DATA_DIR to another folder; ` +
      `or delete ${file} if that process is no such server.`)
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
