import { WorkloadError, type Caller, type JobInstance } from 'fastify-fabric-job-state'
import { stampJob } from 'fastify-fabric-job-state/pg-boss'
import type { Job, JobResult, PgBoss } from 'pg-boss'

import { calculateForecast, checkJobType, JOB_TYPE, type ForecastPayload } from './forecast-job.js'
import type { Jobs } from './job-routes.js'

/** Forecasts, queued by pg-boss and run by whichever server has time. */
export class PgBossForecasts implements Jobs {
  readonly #boss: PgBoss

  constructor (boss: PgBoss) {
    this.#boss = boss
  }

  async start (job: JobInstance, caller: Caller | undefined, payload: ForecastPayload): Promise<void> {
    checkJobType(job.jobType)
    const { id, data } = stampJob(job, caller, payload)
    // pg-boss takes an id once: a job that Fabric starts twice runs once.
    await this.#boss.send(JOB_TYPE, data, { id })
  }

  async cancel ({ jobInstanceId }: JobInstance): Promise<void> {
    await this.#boss.cancel(JOB_TYPE, jobInstanceId)
  }

  /** Takes jobs from the queue from now on. */
  async work (): Promise<void> {
    await this.#boss.createQueue(JOB_TYPE, { notify: true, retryLimit: 5, heartbeatSeconds: 10, expireInSeconds: 7_200 })
    await this.#boss.work(JOB_TYPE, {
      localConcurrency: 10,
      // A job that was cancelled, on whichever server, is let go within a second.
      heartbeatRefreshSeconds: 1,
      perJobResults: true
    }, (jobs: Job<ForecastPayload>[]) => Promise.all(jobs.map(run)))
  }
}

/** Runs a job. What it throws is tried again, but for what it says is permanent. */
async function run ({ id, data, signal }: Job<ForecastPayload>): Promise<JobResult> {
  try {
    return { id, status: 'completed', output: await calculateForecast(data, signal) }
  } catch (error) {
    const isPermanent = error instanceof WorkloadError && error.isPermanent
    return { id, status: isPermanent ? 'deadletter' : 'failed', output: error }
  }
}
