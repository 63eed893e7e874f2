import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'

const { CI, DATABASE_URL = 'postgres://127.0.0.1:5432', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env

/** Modules whose tests need a real service. Without it the tests are skipped by name; with CI=true they fail. */
const engines = [
  { module: 'lib/engines/pg-boss.ts', url: DATABASE_URL, defaultPort: 5432 },
  { module: 'lib/engines/bullmq.ts', url: REDIS_URL, defaultPort: 6379 }
]

async function isListening ({ url, defaultPort }) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) || defaultPort })
  return await once(socket, 'connect').then(() => true, () => false).finally(() => socket.destroy())
}

const beyondReach = []
for (const engine of CI === 'true' ? [] : engines) {
  if (!await isListening(engine)) beyondReach.push(engine.module)
}

// Every module of lib/ and schemas/ is counted for every test, so that a module that no test loads is reported.
const modules = ['lib', 'schemas'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`))
  .filter((module) => !beyondReach.includes(module))

export default () => modules
