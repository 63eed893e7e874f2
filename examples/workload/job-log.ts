import type { FastifyBaseLogger } from 'fastify'
import type { FabricJobContext } from 'fastify-fabric-job-state/pg-boss'

/**
 * Runs a job and logs its start and its end. Each line has the ID of the job and the ActivityId of the request that created
 * it, so that a search for that ActivityId finds the run beside the requests.
 */
export async function logRun<Result> (
  log: FastifyBaseLogger, jobInstanceId: string | undefined, { activityId, signal }: FabricJobContext, run: () => Promise<Result>
): Promise<Result> {
  const jobLog = log.child({ jobInstanceId, activityId })
  jobLog.info('Job started')
  try {
    const result = await run()
    jobLog.info('Job completed')
    return result
  } catch (error) {
    if (signal.aborted) jobLog.info({ reason: String(signal.reason) }, 'Job stopped')
    else jobLog.warn({ err: error }, 'Job failed')
    throw error
  }
}
