import type { JobInstance, JobState } from '../../lib/index.js'
import { WorkloadError } from '../../lib/index.js'

/** A job whose answer is known beforehand, byte by byte. */
export interface KnownJob {
  jobInstanceId: string
  /** The behaviour of the resolver. */
  resolve: () => JobState | null
  statusCode: number
  body: string
}

const startTimeUtc = new Date('2023-12-10T14:41:39.412Z')
const fail = (error: Error) => () => { throw error }

const answers: Array<Omit<KnownJob, 'jobInstanceId'>> = [
  { resolve: () => ({ status: 'NotStarted' }), statusCode: 200, body: '{"status":"NotStarted"}' },
  {
    resolve: () => ({ status: 'InProgress', startTimeUtc }),
    statusCode: 200,
    body: '{"status":"InProgress","startTimeUtc":"2023-12-10T14:41:39.412Z"}'
  },
  {
    resolve: () => ({ status: 'Completed', startTimeUtc, endTimeUtc: '2023-12-10T16:00:00+01:00', errorDetails: null }),
    statusCode: 200,
    body: '{"status":"Completed","startTimeUtc":"2023-12-10T14:41:39.412Z","endTimeUtc":"2023-12-10T15:00:00.000Z"}'
  },
  {
    resolve: () => ({
      status: 'Failed', startTimeUtc, errorDetails: { errorCode: 'TooShort', message: 'Zu kurz für "é".', source: 'User', isPermanent: null }
    }),
    statusCode: 200,
    body: '{"status":"Failed","startTimeUtc":"2023-12-10T14:41:39.412Z",' +
      '"errorDetails":{"errorCode":"TooShort","message":"Zu kurz für \\"é\\".","source":"User"}}'
  },
  { resolve: () => ({ status: 'Cancelled' }), statusCode: 200, body: '{"status":"Cancelled"}' },
  {
    resolve: () => null,
    statusCode: 404,
    body: '{"errorCode":"JobInstanceNotFound","message":"The job instance was not found.","source":"System","isPermanent":true}'
  },
  {
    resolve: fail(new WorkloadError({ statusCode: 409, errorCode: 'Locked', message: 'It is being edited.', source: 'User' })),
    statusCode: 409,
    body: '{"errorCode":"Locked","message":"It is being edited.","source":"User"}'
  },
  {
    resolve: fail(new RangeError('password=hunter2')),
    statusCode: 500,
    body: '{"errorCode":"InternalError","message":"The workload failed because of an internal error.",' +
      '"source":"System","isPermanent":false}'
  }
]

/** One job for each kind of answer. */
export const knownJobs: readonly KnownJob[] = answers.map((answer, i) =>
  ({ jobInstanceId: `63f77191-432d-4ee6-9c5f-31a1a69870${i.toString(16).padStart(2, '0')}`, ...answer }))

const byId = new Map(knownJobs.map((job) => [job.jobInstanceId, job]))

/** Resolves the state of a known job. */
export function resolveKnownJob ({ jobInstanceId }: JobInstance): JobState | null {
  return byId.get(jobInstanceId)?.resolve() ?? null
}
