import { BASE } from './contenders.js'
import { type Measurements, type Metric, ratio } from './figures.js'
import type { OneOff } from './one-off.js'

/** Everything that one run of the bench has measured. */
export interface Figures {
  /** As many requests as each server answers. */
  saturated: Measurements
  /** Half as many. */
  halfway: Measurements
  oneOff: OneOff | undefined
}

/** What the plugin promises of its cost, and what was measured. */
export interface Target {
  title: string
  measured: number
  /** The bound; the measured value has to be below it, or above where `atLeast` is true. */
  bound: number
  atLeast?: boolean
  unit?: string
}

/** True where the promise was kept. */
export function isMet ({ measured, bound, atLeast = false }: Target): boolean {
  return atLeast ? measured >= bound : measured <= bound
}

/** The targets for which there are figures. */
export function targets ({ saturated, halfway, oneOff }: Figures): Target[] {
  const times = (name: string, other: string, metric: Metric = 'cpu') => ratio(saturated, name, other, metric).median
  const p99 = (name: string) => ratio(halfway, name, BASE, 'p99').median
  const all: Target[] = [
    { title: 'no authentication: CPU, to the same schemas', measured: times('plugin', BASE), bound: 1.10 },
    { title: 'seen tokens: CPU, to the same schemas', measured: times('plugin-seen', BASE), bound: 1.20 },
    { title: 'seen tokens: requests/s, to Express', measured: times('plugin-seen', 'express', 'requestsPerSecond'), bound: 8, atLeast: true },
    { title: 'never-seen tokens: requests/s, to Express', measured: times('plugin-never-seen', 'express', 'requestsPerSecond'), bound: 2, atLeast: true },
    { title: 'never-seen tokens: CPU, to the limit', measured: times('plugin-never-seen', 'limit'), bound: 1.60 },
    { title: 'the deadline: CPU, to the plugin without it', measured: times('plugin', 'plugin-no-deadline'), bound: 1.03 },
    { title: '400: CPU, to the 200', measured: times('plugin-400', 'plugin'), bound: 1.50 },
    { title: '404: CPU, to the 200', measured: times('plugin-404', 'plugin'), bound: 1.50 },
    { title: '401 without a token: CPU, to the 200', measured: times('plugin-401', 'plugin-seen'), bound: 1.50 },
    { title: '401 for a forgery: CPU, to never-seen tokens', measured: times('plugin-forged', 'plugin-never-seen'), bound: 1.50 },
    { title: 'no authentication: p99 at half of saturation, to the same schemas', measured: p99('plugin'), bound: 1.50 },
    { title: 'seen tokens: p99 at half of saturation, to the same schemas', measured: p99('plugin-seen'), bound: 1.50 },
    { title: 'import', measured: oneOff?.startup.import ?? NaN, bound: 60, unit: 'ms' },
    { title: 'registration: added to ready()', measured: oneOff?.startup.ready ?? NaN, bound: 20, unit: 'ms' },
    { title: 'memory for 10,000 remembered tokens', measured: (oneOff?.memory ?? NaN) / 1e6, bound: 40, unit: 'MB' }
  ]
  return all.filter(({ measured }) => !Number.isNaN(measured))
}
