// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** The path parameters of ExtensibilityToolkit_OnGetJobInstanceStatus. */
export const OnGetJobInstanceStatusParams = Type.Object({
  /** The workspace. */
  workspaceId: Type.String({
    format: 'uuid',
    description: 'The workspace.',
    examples: ['e5ef604d-e14f-4a59-9133-75d5a0cb9334']
  }),
  /** The item type. */
  itemType: Type.String({ description: 'The item type.', examples: ['Contoso.FinanceAnalytics.Forecast'] }),
  /** The item. */
  itemId: Type.String({ format: 'uuid', description: 'The item.', examples: ['b14cb7e7-d346-4751-9cfd-8c2767d53111'] })
}, {
  title: 'OnGetJobInstanceStatusParams',
  description: 'The path parameters of ExtensibilityToolkit_OnGetJobInstanceStatus.'
})
export type OnGetJobInstanceStatusParams = Static<typeof OnGetJobInstanceStatusParams>
