// Generated from the OpenAPI documents of this folder by `npm run generate`.
import type { Static } from '@sinclair/typebox'

import { StringEnum } from './string-enum.js'

/** The source of the error. */
export const ErrorSource = StringEnum(['System', 'User', 'External'], {
  title: 'ErrorSource',
  description: 'The source of the error.'
})
export type ErrorSource = Static<typeof ErrorSource>
