import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import type { JobInstance, JobStateContext } from '../../lib/index.js'
import type { Random } from './random.js'

/** A pending result of a resolver. */
export interface Delivery {
  job: JobInstance
  context: JobStateContext
  random: Random
  /** Returns the value, or throws it. */
  settle: () => unknown
  /** Passes the value to one of two callbacks. */
  callBack: (fulfilled: (value: unknown) => void, rejected: (reason: unknown) => void) => void
}

/** A way in which a resolver delivers its outcome, correct or not. */
export interface DeliveryKind {
  name: string
  /** Whether the deadline may pass first; `always` if it must. */
  mayBeLate: boolean | 'always'
  /** Whether there may be no response, because the connection is closed. */
  cutsConnection?: boolean
  /** The status of the response for every outcome. */
  statuses?: readonly number[]
  deliver: (delivery: Delivery) => unknown
}

/** The deadline of every resolver of a run, in milliseconds. */
export const RESOLVER_TIMEOUT = 50

const never = () => new Promise<never>(() => {})

/** Blocks the process, as a bad resolver does. */
function block (milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

const prompt: Record<string, DeliveryKind['deliver']> = {
  'at once': ({ settle }) => settle(),
  'as a promise': async ({ settle }) => settle(),
  'as a promise, twice': ({ callBack }) => new Promise((resolve, reject) => {
    callBack(resolve, reject)
    resolve({ status: 'running' })
    reject(new Error('too late'))
  }),
  'as a thenable': ({ callBack }) => ({ then: callBack }),
  'as a thenable, twice': ({ callBack }) => ({
    then (fulfilled: (value: unknown) => void, rejected: (reason: unknown) => void) {
      callBack(fulfilled, rejected)
      rejected(new Error('too late'))
      fulfilled(undefined)
    }
  }),
  'as a thenable that then throws': ({ callBack }) => ({
    then (fulfilled: (value: unknown) => void, rejected: (reason: unknown) => void) {
      callBack(fulfilled, rejected)
      throw new Error('too late')
    }
  }),
  'as a thenable that changes on the second read': ({ callBack }) => {
    let reads = 0
    return { get then () { return reads++ === 0 ? callBack : undefined } }
  },
  'as a promise of a thenable': async ({ callBack }) => ({ then: callBack }),
  'as a promise of another class': ({ settle }) => new (class Other<T> extends Promise<T> {})((resolve) => resolve(settle())),
  'with everything frozen': ({ context, job, settle }) => {
    Object.freeze(job)
    Object.freeze(context)
    return settle()
  },
  'with the job emptied': ({ job, settle }) => {
    for (const name of Object.keys(job)) Reflect.deleteProperty(job, name)
    return settle()
  },
  'having read everything': ({ context, settle }) => {
    const { request, log, signal, caller, activityId, requestId } = context
    log.debug({ caller, activityId, requestId, aborted: signal.aborted, id: request.id }, 'asked')
    return settle()
  },
  'and reads the signal afterwards': ({ context, settle }) => {
    setImmediate(() => context.signal.throwIfAborted())
    return settle()
  },
  'having blocked the process': ({ random, settle }) => {
    block(random.percent(10) ? random.between(1, 20) : 1)
    return settle()
  }
}

const timed: Record<string, DeliveryKind['deliver']> = {
  'a tick later': async ({ settle }) => {
    await new Promise(setImmediate)
    return settle()
  },
  'a little later': async ({ random, settle }) => {
    await sleep(random.between(1, 10))
    return settle()
  },
  'about at the deadline': async ({ random, settle }) => {
    await sleep(RESOLVER_TIMEOUT + random.between(-3, 3))
    return settle()
  },
  'after the deadline': async ({ random, settle }) => {
    await sleep(RESOLVER_TIMEOUT + random.between(20, 40))
    return settle()
  },
  'after the deadline, as a thenable': ({ callBack }) => ({
    then (fulfilled: (value: unknown) => void, rejected: (reason: unknown) => void) {
      setTimeout(callBack, RESOLVER_TIMEOUT + 20, fulfilled, rejected)
    }
  }),
  'when the client has gone': async ({ context: { request }, random, settle }) => {
    const patience = AbortSignal.timeout(RESOLVER_TIMEOUT * 2)
    if (!request.socket.destroyed) await once(request.socket, 'close', { signal: patience }).catch(() => {})
    if (random.percent(50)) await new Promise(setImmediate)
    return settle()
  },
  'reading the signal late': async ({ context, random, settle }) => {
    await sleep(random.between(0, RESOLVER_TIMEOUT))
    if (context.signal.aborted && random.percent(50)) throw context.signal.reason
    return settle()
  },
  'when the signal aborts': async ({ context: { signal }, settle }) => {
    if (!signal.aborted) await once(signal, 'abort')
    return settle()
  },
  'having blocked the process for a while after a tick': async ({ random, settle }) => {
    await new Promise(setImmediate)
    block(random.percent(2) ? RESOLVER_TIMEOUT : 1)
    return settle()
  }
}

const hopeless: Record<string, DeliveryKind['deliver']> = {
  never,
  'never, with the signal read': ({ context: { signal } }) => new Promise(() => { signal.addEventListener('abort', () => {}) }),
  'never, as a thenable': () => ({ then () {} }),
  'never, as a promise of a thenable': () => Promise.resolve({ then () {} })
}

const cutting: Record<string, DeliveryKind['deliver']> = {
  'having destroyed the socket': ({ context: { request }, settle }) => {
    request.socket.destroy()
    return settle()
  },
  'having destroyed the socket, a tick later': async ({ context, settle }) => {
    context.request.raw.destroy()
    await new Promise(setImmediate)
    context.signal.throwIfAborted()
    return settle()
  }
}

const kinds = (mayBeLate: DeliveryKind['mayBeLate'], deliveries: Record<string, DeliveryKind['deliver']>) =>
  Object.entries(deliveries).map(([name, deliver]): DeliveryKind => ({ name, mayBeLate, deliver }))

const broken: Record<string, DeliveryKind['deliver']> = {
  'as a promise whose constructor throws': () =>
    Object.defineProperty(Promise.resolve(), 'constructor', { get () { throw new Error('no constructor') } })
}

/** All ways in which a resolver may deliver its outcome. */
export const deliveries: readonly DeliveryKind[] = [
  ...kinds(false, prompt),
  ...kinds(true, timed),
  ...kinds('always', hopeless),
  ...kinds(true, cutting).map((kind) => ({ ...kind, cutsConnection: true })),
  ...kinds(false, broken).map((kind) => ({ ...kind, statuses: [500] }))
]
