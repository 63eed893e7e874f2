// Generated from schemas/openapi.json by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** The status of an item job instance. */
export const JobInstanceStatus = Type.Unsafe<'NotStarted' | 'InProgress' | 'Completed' | 'Failed' | 'Cancelled'>({
  $id: 'JobInstanceStatus',
  description: 'The status of an item job instance.',
  type: 'string',
  enum: ['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled']
})
export type JobInstanceStatus = Static<typeof JobInstanceStatus>
