import type { ItemJobInstanceState } from '../../schemas/index.js'
import type { ContenderOptions } from './contenders.js'

/** The contract's sample request. */
export const SAMPLE_PATH = '/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/Contoso.FinanceAnalytics.Forecast/' +
  'b14cb7e7-d346-4751-9cfd-8c2767d53111/jobTypes/calculateForecast/instances/63f77191-432d-4ee6-9c5f-31a1a6987072'

/** The contract's sample response, which every contender returns. */
export const SAMPLE_STATE: ItemJobInstanceState = { status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }

/** Returns the sample's state by a promise, like a look-up in a database. */
export function sampleResolver ({ isJobKnown = true }: ContenderOptions) {
  const state = isJobKnown ? SAMPLE_STATE : undefined
  return async () => state
}
