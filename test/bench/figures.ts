import type { Contender } from './contender.js'

/** What one contender was measured to do in one pass. */
export interface Measurement {
  requestsPerSecond: number
  /** CPU time of the server for each request, all threads included; in microseconds. */
  cpu: number
  /** In milliseconds; the median of the turns. */
  p50: number
  /** In milliseconds; the median of the turns. */
  p99: number
  /** In bytes. */
  peakMemory: number
  /** How busy the generator of the load was, 0 to 1: from about 0.9 on it is what bounds the requests a second. */
  generator: number
}

export type Metric = keyof Measurement

/** All passes of all contenders, by the contender's name. */
export type Measurements = Map<Contender['name'], Measurement[]>

/** The middle of some figures, and how far they lie apart. */
export interface Spread {
  median: number
  min: number
  max: number
}

export function spread (figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b)
  const at = (i: number) => sorted[i] ?? NaN
  const middle = (sorted.length - 1) / 2
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) }
}

/** The median of a contender's figures; NaN where it was not measured. */
export function median (measurements: Measurements, name: string, metric: Metric): number {
  return spread((measurements.get(name) ?? []).map((measurement) => measurement[metric])).median
}

/**
 * How many times another's figure a contender's is. Each pass that both were in is held against the same pass of the
 * other: what else the machine did meanwhile, it did to both.
 */
export function ratio (measurements: Measurements, name: string, other: string, metric: Metric = 'cpu'): Spread {
  const others = measurements.get(other) ?? []
  return spread((measurements.get(name) ?? []).slice(0, others.length).map((measurement, pass) =>
    measurement[metric] / (others[pass]?.[metric] ?? NaN)))
}
