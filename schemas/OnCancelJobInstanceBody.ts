// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** The job to cancel. Unknown properties are ignored. */
export const OnCancelJobInstanceBody = Type.Object({
  /** The job type. */
  jobType: Type.String({ minLength: 1, description: 'The job type.', examples: ['calculateForecast'] }),
  /** The job instance. */
  jobInstanceId: Type.String({
    format: 'uuid',
    description: 'The job instance.',
    examples: ['63f77191-432d-4ee6-9c5f-31a1a6987072']
  })
}, {
  title: 'OnCancelJobInstanceBody',
  description: 'The job to cancel. Unknown properties are ignored.'
})
export type OnCancelJobInstanceBody = Static<typeof OnCancelJobInstanceBody>
