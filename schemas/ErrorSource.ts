// Generated from schemas/openapi.json by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** The source of the error. */
export const ErrorSource = Type.Unsafe<'System' | 'User' | 'External'>({
  $id: 'ErrorSource',
  description: 'The source of the error.',
  type: 'string',
  enum: ['System', 'User', 'External']
})
export type ErrorSource = Static<typeof ErrorSource>
