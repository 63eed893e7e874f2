// Generated from the OpenAPI documents of this folder by `npm run generate`.
import { Type, type Static } from '@sinclair/typebox'

/** The job to start. Unknown properties are ignored. */
export const OnCreateJobInstanceBody = Type.Object({
  /** The job type. */
  jobType: Type.String({ minLength: 1, description: 'The job type.', examples: ['calculateForecast'] }),
  /** The job instance. */
  jobInstanceId: Type.String({
    format: 'uuid',
    description: 'The job instance.',
    examples: ['63f77191-432d-4ee6-9c5f-31a1a6987072']
  }),
  /** What the job gets, specific to the workload, item and job type. */
  executionData: Type.Optional(Type.Unsafe<Record<string, unknown>>(Type.Object({}, {
    additionalProperties: true,
    description: 'What the job gets, specific to the workload, item and job type.'
  }))),
  /** The definition of the item. */
  definition: Type.Optional(Type.Unsafe<Record<string, unknown>>(Type.Object({}, {
    additionalProperties: true,
    description: 'The definition of the item.'
  })))
}, {
  title: 'OnCreateJobInstanceBody',
  description: 'The job to start. Unknown properties are ignored.'
})
export type OnCreateJobInstanceBody = Static<typeof OnCreateJobInstanceBody>
