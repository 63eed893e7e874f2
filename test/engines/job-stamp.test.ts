import t from 'tap'

import { bearsStamp, stampJob, stampOf } from '../../lib/engines/job-stamp.js'
import { CALLER, someJob } from './polling.js'

t.test('a job is stamped with its tenant, workspace, item type, item and job type, uuids in lower case', async (t) => {
  const job = someJob()
  const upper = { ...job, workspaceId: job.workspaceId.toUpperCase(), itemId: job.itemId.toUpperCase(), jobInstanceId: job.jobInstanceId.toUpperCase() }
  const { jobInstanceId, ...place } = job
  t.strictSame(stampJob(upper, { tenantId: CALLER.tenantId.toUpperCase() }, { seconds: 5 }), {
    id: jobInstanceId,
    data: { seconds: 5, fabricJob: { ...CALLER, ...place } }
  })
})

t.test('a payload cannot bring a stamp of its own', async (t) => {
  const job = someJob()
  const { data } = stampJob(job, CALLER, { fabricJob: { tenantId: 'another' } })
  t.strictSame(data.fabricJob, stampOf(job, CALLER))
})

t.test('without a caller no tenant is written, and none is asked for', async (t) => {
  const job = someJob()
  const { data: anonymous } = stampJob(job, undefined, {})
  const { data: known } = stampJob(job, CALLER, {})
  t.notOk('tenantId' in anonymous.fabricJob)
  t.equal(bearsStamp(anonymous, stampOf(job, undefined)), true)
  t.equal(bearsStamp(known, stampOf(job, undefined)), true)
  t.equal(bearsStamp(anonymous, stampOf(job, CALLER)), false, 'a caller never sees what nobody known has started')
})

t.test('what is no stamp is none', async (t) => {
  const job = someJob()
  const stamp = stampOf(job, CALLER)
  for (const data of [undefined, null, 1, 'text', {}, { fabricJob: null }, { fabricJob: [stamp] }, stamp]) {
    t.equal(bearsStamp(data, stamp), false, JSON.stringify(data))
  }
})
