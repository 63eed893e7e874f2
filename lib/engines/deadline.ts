/** The actions at the deadline. */
export interface DeadlineHandlers {
  /** Is called at the deadline; what it returns is what the waiting caller catches. */
  onTimeout: () => Error
  /** Is called with what the work was rejected with after its deadline, which thus is never unhandled. */
  onLateRejection: (error: unknown) => void
}

/**
 * Waits for work until the deadline.
 *
 * @param timeout in milliseconds
 * @throws what `onTimeout` returned, or what the work was rejected with
 */
export function withDeadline<T> (
  work: PromiseLike<T>, timeout: number, { onTimeout, onLateRejection }: DeadlineHandlers
): PromiseLike<T> {
  return new Promise<T>((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      reject(onTimeout())
    }, timeout)

    Promise.resolve(work).then((value) => {
      clearTimeout(timer)
      resolve(value)
    }, (error: unknown) => {
      clearTimeout(timer)
      if (isLate) onLateRejection(error)
      else reject(error)
    })
  })
}
