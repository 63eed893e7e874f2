import { setTimeout } from 'node:timers/promises'

import type { ItemJobInstanceState } from '../../schemas/index.js'
import type { ContenderOptions } from './contender.js'

/** The contract's sample request. */
export const SAMPLE_PATH = '/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/Contoso.FinanceAnalytics.Forecast/' +
  'b14cb7e7-d346-4751-9cfd-8c2767d53111/jobTypes/calculateForecast/instances/63f77191-432d-4ee6-9c5f-31a1a6987072'

/** The contract's sample response: what every contender answers. */
export const SAMPLE_STATE: ItemJobInstanceState = { status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }

/** Tells the sample's state as soon as the contender is meant to know it. */
export function sampleResolver ({ delay = 0, isJobKnown = true }: ContenderOptions) {
  const state = isJobKnown ? SAMPLE_STATE : undefined
  return delay === 0 ? async () => state : () => setTimeout(delay, state)
}
