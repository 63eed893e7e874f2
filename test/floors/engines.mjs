// A job of each engine from its creation to its end, through the plugin: the engines' oldest releases keep what is asked for.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { Queue, Worker } from 'bullmq'
import Fastify from 'fastify'
import fabricJobState from 'fastify-fabric-job-state'
import { bullmqJobState, fabricProcessor, stampJob } from 'fastify-fabric-job-state/bullmq'
import { pgBossJobState } from 'fastify-fabric-job-state/pg-boss'
import { createFabric } from 'fastify-fabric-job-state/testing'
import { PgBoss } from 'pg-boss'

const { DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/test', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env
const fabric = createFabric()

async function pollUntil (app, job, status) {
  for (let i = 0; i < 200; i++) {
    const answer = await app.inject(await fabric.poll({ job }))
    assert.equal(answer.statusCode, 200, answer.body)
    if (answer.json().status === status) return answer.json()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail(`The job is not ${status}`)
}

async function serve (resolveJobState) {
  const app = Fastify()
  await app.register(fabricJobState, { authentication: fabric.authentication, resolveJobState })
  return app
}

const job = {
  workspaceId: 'e5ef604d-e14f-4a59-9133-75d5a0cb9334',
  itemType: 'Contoso.FinanceAnalytics.Forecast',
  itemId: 'b14cb7e7-d346-4751-9cfd-8c2767d53111',
  jobType: 'calculateForecast',
  jobInstanceId: randomUUID()
}
const caller = { tenantId: fabric.registration.tenantId }
const { id, data } = stampJob(job, caller, { months: 12 })

const boss = new PgBoss({ connectionString: DATABASE_URL, schema: 'floors' })
boss.on('error', (error) => { throw error })
await boss.start()
await boss.createQueue(job.jobType)
const overPgBoss = await serve(pgBossJobState(boss))
await boss.send(job.jobType, data, { id })
await pollUntil(overPgBoss, job, 'NotStarted')
await boss.work(job.jobType, { pollingIntervalSeconds: 0.5 }, async () => {})
assert.ok((await pollUntil(overPgBoss, job, 'Completed')).endTimeUtc)
await overPgBoss.close()
await boss.stop()
console.log('pg-boss: passed')

const connection = { url: REDIS_URL }
const queue = new Queue(`floors-${id}`, { connection })
const overBullmq = await serve(bullmqJobState(queue))
await queue.add(job.jobType, data, { jobId: id })
await pollUntil(overBullmq, job, 'NotStarted')
const worker = new Worker(queue.name, fabricProcessor(queue, async () => {}), { connection })
assert.ok((await pollUntil(overBullmq, job, 'Completed')).endTimeUtc)
await worker.close()
await queue.obliterate({ force: true })
await queue.close()
await overBullmq.close()
console.log('bullmq: passed')
