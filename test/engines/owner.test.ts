import t from 'tap'

import { isOwnedBy, ownerOf, stampJob, withOwner } from '../../lib/engines/owner.js'
import { CALLER, someJob } from './polling.js'

t.test('the owner of a job is its tenant, workspace, item type, item and job type, UUIDs in lower case', async (t) => {
  const job = someJob()
  const { jobInstanceId, ...place } = job
  const upper = {
    ...place,
    workspaceId: place.workspaceId.toUpperCase(),
    itemId: place.itemId.toUpperCase(),
    jobInstanceId: jobInstanceId.toUpperCase()
  }
  t.strictSame(withOwner(upper, { tenantId: CALLER.tenantId.toUpperCase() }, { seconds: 5 }), {
    id: jobInstanceId,
    data: { seconds: 5, fabricJob: { ...CALLER, ...place } }
  })
})

t.test('withOwner overwrites an owner in the payload', async (t) => {
  const job = someJob()
  const { data } = withOwner(job, CALLER, { fabricJob: { tenantId: 'another' } })
  t.strictSame(data.fabricJob, ownerOf(job, CALLER))
})

t.test('without a caller no tenant is stored, and none is compared', async (t) => {
  const job = someJob()
  const { data: anonymous } = withOwner(job, undefined, {})
  const { data: known } = withOwner(job, CALLER, {})
  t.notOk('tenantId' in anonymous.fabricJob)
  t.equal(isOwnedBy(anonymous, ownerOf(job, undefined)), true)
  t.equal(isOwnedBy(known, ownerOf(job, undefined)), true)
  t.equal(isOwnedBy(anonymous, ownerOf(job, CALLER)), false, 'a tenant does not own what was started without one')
})

t.test('data without a valid owner has no owner', async (t) => {
  const job = someJob()
  const owner = ownerOf(job, CALLER)
  for (const data of [undefined, null, 1, 'text', {}, { fabricJob: null }, { fabricJob: [owner] }, owner]) {
    t.equal(isOwnedBy(data, owner), false, JSON.stringify(data))
  }
})

t.test('stampJob, the name in 0.1.0, is the same function as withOwner', async (t) => {
  const job = someJob()
  t.strictSame(stampJob(job, CALLER, { seconds: 5 }), withOwner(job, CALLER, { seconds: 5 }))
})
