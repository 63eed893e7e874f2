/** The value below which so many of the values lie, 0 to 1. */
export function quantile (values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN
}

export const median = (values: readonly number[]) => quantile(values, 0.5)

export const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 3 : 0)} ms`

/** Counts by name. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add (name: string | number): void {
    this.#counts.set(String(name), this.count(name) + 1)
  }

  count (name: string | number): number {
    return this.#counts.get(String(name)) ?? 0
  }

  toString (): string {
    return [...this.#counts].sort().map(([name, count]) => `${name}: ${count}`).join(', ') || 'none'
  }
}
