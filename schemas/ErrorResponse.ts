// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

import { ErrorExtendedInformation } from './ErrorExtendedInformation.js'
import { ErrorSource } from './ErrorSource.js'

/** The error response. */
export const ErrorResponse = Type.Object({
  /** The error code. */
  errorCode: Type.String({ description: 'The error code.', readOnly: true }),
  /** The error message. */
  message: Type.String({ description: 'The error message.', readOnly: true }),
  /** A list of parameters for formatting a localized message. */
  messageParameters: Type.Optional(Type.Array(Type.String(), {
    description: 'A list of parameters for formatting a localized message.',
    readOnly: true
  })),
  /** The source of the error. */
  source: { ...ErrorSource, description: 'The source of the error.', readOnly: true },
  /** Indicates whether the error is permanent or the operation can be retried. */
  isPermanent: Type.Optional(Type.Boolean({
    description: 'Indicates whether the error is permanent or the operation can be retried.',
    readOnly: true
  })),
  /** A list of additional error details. */
  moreDetails: Type.Optional(Type.Array(ErrorExtendedInformation, {
    description: 'A list of additional error details.',
    readOnly: true
  }))
}, {
  title: 'ErrorResponse',
  description: 'The error response.',
  additionalProperties: false
})
export type ErrorResponse = Static<typeof ErrorResponse>
