// Generated from the OpenAPI documents of this folder by `npm run generate`.
import type { Static } from '@sinclair/typebox'

import { StringEnum } from './string-enum.js'

/** The status of an item job instance. */
export const JobInstanceStatus = StringEnum(['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled'], {
  title: 'JobInstanceStatus',
  description: 'The status of an item job instance.'
})
export type JobInstanceStatus = Static<typeof JobInstanceStatus>
