/** A series with exponential smoothing and trend (Holt's method). */
export interface Smoothing {
  /** The weight of the newest value, 0 to 1. */
  alpha: number
  level: number
  trend: number
  /** The mean squared error of the one-step forecasts. */
  error: number
}

/** The weight of the newest change of level in the trend. */
const BETA = 0.1

export function smoothed (series: readonly number[], alpha: number): Smoothing {
  let [level = 0, second = level] = series
  let trend = second - level
  let squares = 0
  for (const value of series.slice(1)) {
    const foretold = level + trend
    squares += (value - foretold) ** 2
    const before = level
    level = alpha * value + (1 - alpha) * foretold
    trend = BETA * (level - before) + (1 - BETA) * trend
  }
  return { alpha, level, trend, error: squares / (series.length - 1) }
}

/** The next values of the series. */
export function forecast ({ level, trend }: Smoothing, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.round(level + (i + 1) * trend))
}
