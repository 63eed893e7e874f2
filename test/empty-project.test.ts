// The workloads of the README and of docs/engines.md, pasted into an empty project that has installed the packed package.
import { readFileSync } from 'node:fs'

import t from 'tap'
import ts from 'typescript'

import { newDatabase } from './engines/pg-boss-engine.js'
import { DATABASE_URL, REDIS_URL, redisDatabase, skipWithout } from './engines/services.js'
import { installed, run } from './helpers/consumer.js'

/** The TypeScript below a heading of a page. */
function snippet (page: string, heading: string): string {
  const [, code] = new RegExp(`^## ${heading}\\n[^]*?^\`\`\`ts\\n([^]*?)^\`\`\`$`, 'm').exec(readFileSync(page, 'utf8')) ?? []
  if (code === undefined) throw new Error(`${page} has no snippet under "${heading}"`)
  return code
}

/** Sends Fabric's requests to the workload over HTTP, and prints the responses as its last line. */
const FABRIC = `
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { createFabric } from 'fastify-fabric-job-state/testing'
import { workload } from './workload.mjs'

const [serviceUrl, prefix] = process.argv.slice(2)
const fabric = createFabric()
const app = await workload(serviceUrl, fabric.authentication)
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

async function send ({ url, headers }, method, action = '', body) {
  const response = await fetch(origin + url + action, {
    method, headers: { ...headers, ...body && { 'content-type': 'application/json' } }, body: body && JSON.stringify(body)
  })
  const text = await response.text()
  return [response.status, text && JSON.parse(text).status]
}
const newJob = () => fabric.poll({ prefix, job: { jobType: 'calculateForecast', jobInstanceId: randomUUID() } })
const create = (job) => send(job, 'POST', '', { invokeType: 'Manual', creationPayload: { months: 12 } })
const [job, other] = [await newJob(), await newJob()]

const responses = {
  unknown: await send(job, 'GET'),
  created: await create(job),
  createdAgain: await create(job),
  otherCreated: await create(other),
  otherCancelled: await send(other, 'POST', '/cancel'),
  otherPolled: await send(other, 'GET')
}
do {
  await setTimeout(50)
  responses.ended = await send(job, 'GET')
} while (['NotStarted', 'InProgress'].includes(responses.ended[1]))
await app.close()
console.log(JSON.stringify(responses))`

const RESPONSES = {
  unknown: [404, undefined],
  created: [202, ''],
  createdAgain: [202, ''],
  otherCreated: [202, ''],
  otherCancelled: [200, 'Cancelled'],
  otherPolled: [200, 'Cancelled'],
  ended: [200, 'Completed']
}

for (const { engine, packages, code, service, url, database, prefix } of [
  {
    engine: 'pg-boss',
    // The second is a peer of pg-boss, which npm installs with it.
    packages: ['pg-boss', '@opentelemetry/api'],
    code: snippet('README.md', 'The whole job over an engine'),
    service: 'PostgreSQL',
    url: DATABASE_URL,
    database: newDatabase,
    prefix: '/workload-api'
  },
  {
    engine: 'BullMQ',
    packages: ['bullmq', 'ioredis'],
    code: snippet('docs/engines.md', 'BullMQ'),
    service: 'Redis',
    url: REDIS_URL,
    database: async () => redisDatabase(2),
    prefix: ''
  }
]) {
  const skip = await skipWithout(service, url)
  t.test(`an empty project with the documented workload over ${engine} creates, reports and cancels jobs`, { skip }, async (t) => {
    const project = await installed(t, ['fastify', ...packages])
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
    project.write('workload.mjs', ts.transpileModule(code, { compilerOptions }).outputText)
    const script = project.write('fabric.mjs', FABRIC)
    const { stdout } = await run(process.execPath, [script, await database(t), prefix], { cwd: project.folder })
    t.strictSame(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), JSON.parse(JSON.stringify(RESPONSES)))
    const lines = code.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//'))
    t.comment(`${engine}: the host wrote ${lines.length} lines`)
  })
}
