// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

import { JobInvokeType } from './JobInvokeType.js'

/** The parameters controlling the job instance execution. */
export const CreateItemJobInstanceRequest = Type.Object({
  /** The item job invoke type. */
  invokeType: { ...JobInvokeType, description: 'The item job invoke type.' },
  /** Creation payload specific to the workload, item and job type. */
  creationPayload: Type.Optional(Type.Unsafe<Record<string, unknown>>(Type.Object({}, {
    additionalProperties: true,
    description: 'Creation payload specific to the workload, item and job type.'
  })))
}, {
  title: 'CreateItemJobInstanceRequest',
  description: 'The parameters controlling the job instance execution.',
  additionalProperties: false
})
export type CreateItemJobInstanceRequest = Static<typeof CreateItemJobInstanceRequest>
