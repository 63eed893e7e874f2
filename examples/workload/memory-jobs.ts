import type { FabricJobsOptions, JobState } from 'fastify-fabric-job-state'

/** The three functions over a Map: jobs that never end by themselves and are lost with the process. */
export function memoryJobs (): Pick<FabricJobsOptions, 'createJobInstance' | 'resolveJobState' | 'cancelJobInstance'> {
  const jobs = new Map<string, JobState>()
  return {
    createJobInstance ({ jobInstanceId }) {
      if (!jobs.has(jobInstanceId)) jobs.set(jobInstanceId, { status: 'InProgress', startTimeUtc: new Date() })
    },
    resolveJobState: ({ jobInstanceId }) => jobs.get(jobInstanceId),
    cancelJobInstance ({ jobInstanceId }) {
      const job = jobs.get(jobInstanceId)
      if (job?.status === 'InProgress') jobs.set(jobInstanceId, { ...job, status: 'Cancelled', endTimeUtc: new Date() })
      return jobs.get(jobInstanceId)
    }
  }
}
