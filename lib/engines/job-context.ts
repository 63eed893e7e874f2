/** The second argument of the function that does the work of one job. */
export interface FabricJobContext {
  /**
   * Aborts when the job is cancelled, on whichever server, within about a second; also when the engine takes the job away
   * from this worker.
   */
  readonly signal: AbortSignal
  /** The `ActivityId` header of the request that created the job, if any: log it with every line of the job's run. */
  readonly activityId: string | undefined
}
