// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** The job that is asked about. Unknown properties are ignored. */
export const OnGetJobInstanceStatusBody = Type.Object({
  /** The job type. */
  jobType: Type.String({ minLength: 1, description: 'The job type.', examples: ['calculateForecast'] }),
  /** The job instance. */
  jobInstanceId: Type.String({
    format: 'uuid',
    description: 'The job instance.',
    examples: ['63f77191-432d-4ee6-9c5f-31a1a6987072']
  })
}, {
  title: 'OnGetJobInstanceStatusBody',
  description: 'The job that is asked about. Unknown properties are ignored.'
})
export type OnGetJobInstanceStatusBody = Static<typeof OnGetJobInstanceStatusBody>
