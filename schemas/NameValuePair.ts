// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** A name-value pair. */
export const NameValuePair = Type.Object({
  /** The name. */
  name: Type.String({ description: 'The name.', readOnly: true }),
  /** The value. */
  value: Type.String({ description: 'The value.', readOnly: true })
}, {
  title: 'NameValuePair',
  description: 'A name-value pair.',
  additionalProperties: false
})
export type NameValuePair = Static<typeof NameValuePair>
