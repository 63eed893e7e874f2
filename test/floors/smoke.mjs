// Polls over HTTP, with signed tokens and keys from an endpoint, as a workload does. It runs
// in a project that has installed the package, and needs nothing else but Fastify.
import assert from 'node:assert/strict'

import Fastify from 'fastify'
import fabricJobState, { WorkloadError } from 'fastify-fabric-job-state'
import * as schemas from 'fastify-fabric-job-state/schemas'
import { createFabric } from 'fastify-fabric-job-state/testing'

const prefix = '/workload-api'
const longJobType = 'Contoso.FinanceAnalytics.Forecast.'.padEnd(200, 'x')
const started = '2023-12-10T14:41:39.412Z'

const callbacks = {
  calculateForecast: () => ({ status: 'InProgress', startTimeUtc: new Date(started) }),
  [longJobType]: () => ({ status: 'Completed', startTimeUtc: started, endTimeUtc: '2023-12-10T16:41:39.412+01:00' }),
  failed: () => ({ status: 'Failed', errorDetails: { errorCode: 'a', message: 'b', source: 'System', moreDetails: null } }),
  unknown: () => null,
  conflict () { throw new WorkloadError({ statusCode: 409, errorCode: 'a', message: 'b', source: 'User' }) },
  broken: () => ({ status: 'Running' }),
  crash () { throw new TypeError('no such column') },
  slow: () => new Promise(() => {})
}
const expected = [
  ['calculateForecast', 200, { status: 'InProgress', startTimeUtc: started }],
  [longJobType, 200, { status: 'Completed', startTimeUtc: started, endTimeUtc: '2023-12-10T15:41:39.412Z' }],
  ['failed', 200, { status: 'Failed', errorDetails: { errorCode: 'a', message: 'b', source: 'System' } }],
  ['unknown', 404, 'JobInstanceNotFound'],
  ['conflict', 409, 'a'],
  ['broken', 500, 'InvalidJobState'],
  ['crash', 500, 'InternalError'],
  ['slow', 504, 'ResolverTimeout']
]

const fabric = createFabric()
const keys = await fabric.listen()
const warnings = []
const app = Fastify({
  logger: { level: 'warn', stream: { write: (line) => warnings.push(JSON.parse(line)) } },
  routerOptions: { maxParamLength: 256 }
})
app.get('/host', async () => ({ own: true }))
await app.register(fabricJobState, {
  prefix,
  authentication: keys.authentication,
  resolverTimeout: 200,
  resolveJobState: (job) => callbacks[job.jobType](job)
})
assert.deepEqual(warnings.map(({ msg }) => msg), [], 'routerOptions.maxParamLength is known')
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

async function send ({ url, headers }) {
  const response = await fetch(origin + url, { headers })
  return { status: response.status, body: await response.json() }
}

for (const version of ['1.0', '2.0']) {
  for (const [jobType, status, body] of expected) {
    const answer = await send(await fabric.poll({ prefix, version, job: { jobType } }))
    assert.equal(answer.status, status, `${jobType} ${JSON.stringify(answer.body)}`)
    assert.deepEqual(typeof body === 'string' ? answer.body.errorCode : answer.body, body)
  }
  for (const { name, statusCode, headers } of await fabric.badHeaders({ version })) {
    assert.equal((await send({ ...await fabric.poll({ prefix }), headers })).status, statusCode, name)
  }
}
assert.equal((await send(await fabric.poll({ prefix, subjectToken: '' }))).status, 200)
const invalid = await send(await fabric.poll({ prefix, job: { jobInstanceId: '7' } }))
assert.equal(invalid.status, 400)
assert.equal(invalid.body.errorCode, 'InvalidParameter')
assert.deepEqual(await send({ url: '/host' }), { status: 200, body: { own: true } })
assert.equal(schemas.ItemJobInstanceState.type, 'object')

await app.close()
await keys.close()
console.log('polls: passed')
