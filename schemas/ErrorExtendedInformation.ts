// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

import { NameValuePair } from './NameValuePair.js'

/** The extended error information. */
export const ErrorExtendedInformation = Type.Object({
  /** The error code. */
  errorCode: Type.String({ description: 'The error code.', readOnly: true }),
  /** The error message. */
  message: Type.String({ description: 'The error message.', readOnly: true }),
  /** A list of parameters for formatting a localized message. */
  messageParameters: Type.Optional(Type.Array(Type.String(), {
    description: 'A list of parameters for formatting a localized message.',
    readOnly: true
  })),
  /** A list of additional parameters specific to the error. */
  additionalParameters: Type.Optional(Type.Array(NameValuePair, {
    description: 'A list of additional parameters specific to the error.',
    readOnly: true
  }))
}, {
  title: 'ErrorExtendedInformation',
  description: 'The extended error information.',
  additionalProperties: false
})
export type ErrorExtendedInformation = Static<typeof ErrorExtendedInformation>
