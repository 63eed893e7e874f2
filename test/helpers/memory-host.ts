import type { Test } from 'tap'

import { fabricJobs, type FabricJobsOptions, type JobInstance, type JobState, type JobStateContext } from '../../lib/index.js'
import type { CreateItemJobInstanceRequest } from '../../schemas/index.js'
import { host } from './poll.js'

/** A host with a workload that keeps its jobs in memory; callbacks can be replaced. */
export function memoryHost (t: Test, options: Partial<FabricJobsOptions> & { prefix?: string } = {}, server = {}) {
  const jobs = new Map<string, JobState>()
  const created: Array<{ job: JobInstance, request: CreateItemJobInstanceRequest, context: JobStateContext }> = []
  const app = host(t, server)
  app.register(fabricJobs, {
    async createJobInstance (job, request, context) {
      created.push({ job, request, context })
      if (!jobs.has(job.jobInstanceId)) jobs.set(job.jobInstanceId, { status: 'NotStarted' })
    },
    resolveJobState: async ({ jobInstanceId }) => jobs.get(jobInstanceId),
    async cancelJobInstance ({ jobInstanceId }) {
      const job = jobs.get(jobInstanceId)
      if (job?.status === 'NotStarted') job.status = 'Cancelled'
      return job
    },
    authentication: false,
    ...options
  })
  return { app, jobs, created }
}
