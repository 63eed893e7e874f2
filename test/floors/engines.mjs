// Jobs of each engine from their creation to their end, through the plugin: completed, failed, cancelled.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { Queue, Worker } from 'bullmq'
import Fastify from 'fastify'
import { fabricJobs, WorkloadError } from 'fastify-fabric-job-state'
import { bullmqJobs, fabricProcessor } from 'fastify-fabric-job-state/bullmq'
import { fabricWork, pgBossJobs } from 'fastify-fabric-job-state/pg-boss'
import { createFabric } from 'fastify-fabric-job-state/testing'
import { PgBoss } from 'pg-boss'

const { DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/test', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env
const jobType = `floors-${randomUUID()}`
const fabric = createFabric()

/** The worker: the payload of a job says what it does. */
async function work ({ data }, { signal }) {
  if (data.then === 'fail') {
    throw new WorkloadError({ statusCode: 500, errorCode: 'NoSales', message: 'No sales.', source: 'User', isPermanent: true })
  }
  if (data.then === 'wait') await new Promise((resolve, reject) => { signal.onabort = () => reject(signal.reason) })
}

/** Creates, polls and cancels jobs as Fabric does, until each is in the expected state. */
async function holdEngine (name, callbacks, startWorker) {
  const app = Fastify({ routerOptions: { maxParamLength: 256 } })
  await app.register(fabricJobs, { authentication: fabric.authentication, ...callbacks })
  const call = async (job, method, action = '', payload) => {
    const poll = await fabric.poll({ job: { jobType, jobInstanceId: job } })
    const answer = await app.inject({ ...poll, method, url: poll.url + action, payload })
    assert.ok(answer.statusCode < 300, `${method} ${answer.statusCode} ${answer.body}`)
    return answer
  }
  const create = (job, then) => call(job, 'POST', '', { invokeType: 'Manual', creationPayload: { then } })
  const reach = async (job, status) => {
    for (let i = 0; i < 600; i++) {
      const state = (await call(job, 'GET')).json()
      if (state.status === status) return state
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.fail(`${name}: the job is not ${status}`)
  }
  const [completed, failed, cancelled] = [randomUUID(), randomUUID(), randomUUID()]

  await create(completed, 'complete')
  await create(completed, 'complete') // the same job again is one job
  await reach(completed, 'NotStarted')
  const stop = await startWorker()
  assert.ok((await reach(completed, 'Completed')).endTimeUtc)
  await create(failed, 'fail')
  assert.equal((await reach(failed, 'Failed')).errorDetails.errorCode, 'NoSales')
  await create(cancelled, 'wait')
  await reach(cancelled, 'InProgress')
  assert.equal((await call(cancelled, 'POST', '/cancel')).json().status, 'Cancelled')
  await reach(cancelled, 'Cancelled')
  await stop()
  await app.close()
  console.log(`${name}: passed`)
}

const boss = new PgBoss({ connectionString: DATABASE_URL, schema: 'floors' })
boss.on('error', (error) => { throw error })
await boss.start()
await holdEngine('pg-boss', pgBossJobs(boss, { jobTypes: [jobType] }), async () => {
  await fabricWork(boss, jobType, { pollingIntervalSeconds: 0.5, localConcurrency: 2 }, work)
  return () => boss.deleteQueue(jobType)
})
await boss.stop()

const connection = { url: REDIS_URL }
const queue = new Queue(jobType, { connection })
await holdEngine('bullmq', bullmqJobs(queue, { jobTypes: [jobType] }), async () => {
  const worker = new Worker(queue.name, fabricProcessor(queue, work), { connection, concurrency: 2 })
  return () => worker.close()
})
await queue.obliterate({ force: true })
await queue.close()
