// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

import { StringEnum } from './string-enum.js'

/** The job invoke type. */
export const JobInvokeType = Type.Union([
  StringEnum(['UnknownFutureValue', 'Scheduled', 'Manual']),
  Type.Unsafe<string & {}>(Type.String())
], {
  title: 'JobInvokeType',
  description: 'The job invoke type.'
})
export type JobInvokeType = Static<typeof JobInvokeType>
