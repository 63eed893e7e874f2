// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** The request headers of ExtensibilityToolkit_OnGetJobInstanceStatus. */
export const OnGetJobInstanceStatusHeaders = Type.Object({
  /** The tenant of the user or service behind the call. */
  'x-ms-client-tenant-id': Type.String({
    format: 'uuid',
    description: 'The tenant of the user or service behind the call.'
  }),
  /** Correlates everything that one user interaction set off. */
  ActivityId: Type.Optional(Type.String({ description: 'Correlates everything that one user interaction set off.' })),
  /** This request's own id, the one to quote when reporting a problem to Microsoft. */
  RequestId: Type.Optional(Type.String({
    description: 'This request\'s own id, the one to quote when reporting a problem to Microsoft.'
  }))
}, {
  title: 'OnGetJobInstanceStatusHeaders',
  description: 'The request headers of ExtensibilityToolkit_OnGetJobInstanceStatus.'
})
export type OnGetJobInstanceStatusHeaders = Static<typeof OnGetJobInstanceStatusHeaders>
