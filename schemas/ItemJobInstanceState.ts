// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

import { ErrorDetails } from './ErrorDetails.js'
import { JobInstanceStatus } from './JobInstanceStatus.js'

/** The job instance state. */
export const ItemJobInstanceState = Type.Object({
  /** The status of the job instance. */
  status: { ...JobInstanceStatus, description: 'The status of the job instance.', readOnly: true },
  /** The job instance start time. */
  startTimeUtc: Type.Optional(Type.String({
    format: 'date-time',
    description: 'The job instance start time.',
    readOnly: true
  })),
  /** The job instance end time. */
  endTimeUtc: Type.Optional(Type.String({
    format: 'date-time',
    description: 'The job instance end time.',
    readOnly: true
  })),
  /** The error details in case of the job instance failure. */
  errorDetails: Type.Optional({
    ...ErrorDetails,
    description: 'The error details in case of the job instance failure.',
    readOnly: true
  })
}, {
  title: 'ItemJobInstanceState',
  description: 'The job instance state.',
  additionalProperties: false,
  examples: [{ status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }]
})
export type ItemJobInstanceState = Static<typeof ItemJobInstanceState>
