import { setTimeout } from 'node:timers/promises'

import { Type, type Static } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { WorkloadError, type JobInstance } from 'fastify-fabric-job-state'
import type { CreateItemJobInstanceRequest } from 'fastify-fabric-job-state/schemas'

import { SALES } from './sales.js'
import { forecast, smoothed, type Smoothing } from './smoothing.js'

/** The only job type of this workload, and the name of its queue. */
export const JOB_TYPE = 'calculateForecast'

/** The payload of a job: its duration in seconds, and whether it fails. */
const forecastPayload = Type.Object({
  seconds: Type.Optional(Type.Number({ minimum: 0, maximum: 3_600 })),
  fail: Type.Optional(Type.Boolean())
}, { additionalProperties: false })
export type ForecastPayload = Static<typeof forecastPayload>

const CANDIDATES = 100

/** Finds the smoothing with the smallest error for the past values, for as long as the payload says. */
export async function calculateForecast (
  { seconds = 10, fail = false }: ForecastPayload, signal: AbortSignal
): Promise<unknown> {
  let best: Smoothing | undefined
  for (let i = 1; i <= CANDIDATES; i++) {
    await setTimeout(seconds * 1_000 / CANDIDATES, undefined, { signal })
    const candidate = smoothed(SALES, i / CANDIDATES)
    if (best === undefined || candidate.error < best.error) best = candidate
  }
  if (fail) throw seriesTooShort()
  return { alpha: best?.alpha, nextMonths: best && forecast(best, 12) }
}

function seriesTooShort (): WorkloadError {
  return new WorkloadError({
    statusCode: 422,
    errorCode: 'SeriesTooShort',
    message: 'The series "sales" has 3 points; a forecast needs at least 12.',
    messageParameters: ['sales', '3', '12'],
    source: 'User',
    isPermanent: true
  })
}

/**
 * Checks the payload of a create for the worker.
 *
 * @throws {WorkloadError} if it is not a {@link ForecastPayload}.
 */
export function forecastData (_job: JobInstance, { creationPayload = {} }: CreateItemJobInstanceRequest): ForecastPayload {
  if (Value.Check(forecastPayload, creationPayload)) return creationPayload
  throw new WorkloadError({
    statusCode: 400,
    errorCode: 'InvalidForecast',
    message: 'The parameters of the forecast are not valid: seconds is a number from 0 to 3600, fail is true or false.',
    source: 'User',
    isPermanent: true
  })
}
