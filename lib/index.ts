export { fabricJobState as default, fabricJobState } from './fabric-job-state.js'
export { fabricJobs } from './fabric-jobs.js'
export type { FabricJobsOptions, FabricJobStateOptions, SharedOptions } from './options.js'
export type {
  CancelJobInstance, CreateJobInstance, JobInstance, JobState, JobStateContext, JobStateResolver, JobStateResult
} from './callbacks.js'
export { WorkloadError, type WorkloadErrorOptions } from './errors/workload-error.js'
export { toErrorResponse, type ErrorAnswer } from './errors/error-response.js'
export {
  diagnostics, type Diagnostics, type DiagnosticsChannel, type KeyFetchMessage, type RefusalMessage, type TokenLookupMessage
} from './subject-and-app/diagnostics.js'
export type { RefusalCode, TokenKind } from './subject-and-app/refusal.js'
export type { Caller } from './subject-and-app/caller.js'
export { subjectAndApp } from './subject-and-app/plugin.js'
export type { AuthenticatedRequest, AuthenticationHook } from './subject-and-app/hook.js'
export type { AuthenticationOptions } from './subject-and-app/options.js'
