import { fabricWork, pgBossJobs } from 'fastify-fabric-job-state/pg-boss'
import type { FastifyBaseLogger } from 'fastify'
import type { PgBoss } from 'pg-boss'

import { calculateForecast, forecastData, JOB_TYPE, type ForecastPayload } from './forecast-job.js'
import { logRun } from './job-log.js'

/** Forecasts, queued by pg-boss and run by whichever server has capacity; returns the callbacks of `fabricJobs`. */
export async function pgBossForecasts (boss: PgBoss, log: FastifyBaseLogger): Promise<ReturnType<typeof pgBossJobs>> {
  await boss.createQueue(JOB_TYPE, { notify: true, retryLimit: 5, heartbeatSeconds: 10, expireInSeconds: 7_200 })
  await fabricWork<ForecastPayload>(boss, JOB_TYPE, {
    localConcurrency: 10,
    // New jobs are announced (notify); retries are found by polling.
    notifyPollingIntervalSeconds: 2
  }, ({ id, data }, context) => logRun(log, id, context, () => calculateForecast(data, context.signal)))
  return pgBossJobs(boss, { jobTypes: [JOB_TYPE], data: forecastData })
}
