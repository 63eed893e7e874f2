/** The median of several figures, and their first and third quartile. */
export interface Figure {
  median: number
  low: number
  high: number
}

/** The figures of the processes of one contender. */
export interface Measurement {
  /** User and system CPU time of the server for each poll, all threads included; in microseconds. */
  cpu: number
  pollsPerSecond: number
}

export type Metric = keyof Measurement

/** One measurement for each process, by the contender's name. */
export type Measurements = ReadonlyMap<string, readonly Measurement[]>

export function figureOf (values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) }
}

/** The value below which a share of the sorted values lies, interpolated; NaN if there are none. */
function quantile (sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share
  const [below = NaN, above = below] = sorted.slice(Math.floor(position))
  return below + (above - below) * (position % 1)
}

/** The figure of a contender; NaN if it was not measured. */
export function figure (measurements: Measurements, name: string, metric: Metric): Figure {
  return figureOf((measurements.get(name) ?? []).map((measurement) => measurement[metric]))
}

/** How many times the other figure it is: the ratio of the medians, and the range that both spreads leave to it. */
export function ratio (figure: Figure, other: Figure): Figure {
  return { median: figure.median / other.median, low: figure.low / other.high, high: figure.high / other.low }
}

/** How much more than the other figure it is: as with {@link ratio}. */
export function difference (figure: Figure, other: Figure): Figure {
  return { median: figure.median - other.median, low: figure.low - other.high, high: figure.high - other.low }
}
