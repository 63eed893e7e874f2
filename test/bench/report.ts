import type { Contender } from './contender.js'
import { BASE } from './contenders.js'
import { median, type Measurements, ratio } from './figures.js'

const HEAD = ['', 'requests/s', 'CPU µs/request', 'ratio', 'spread', 'p50 ms', 'p99 ms', 'peak MB']

/** The figures of all contenders as text, one line each. */
export function table (contenders: readonly Contender[], measurements: Measurements): string {
  const rows = contenders.map(({ name, title }) => {
    const figure = (metric: Parameters<typeof median>[2]) => median(measurements, name, metric)
    const { median: toBase, min, max } = ratio(measurements, name, BASE)
    return [
      title,
      figure('requestsPerSecond').toFixed(0),
      figure('cpu').toFixed(1),
      toBase.toFixed(2),
      `${min.toFixed(2)}-${max.toFixed(2)}`,
      figure('p50').toFixed(2),
      figure('p99').toFixed(2),
      (figure('peakMemory') / 1e6).toFixed(0)
    ]
  })
  const widths = HEAD.map((_, column) => Math.max(...[HEAD, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)).join('  ')
  return [HEAD, ...rows].map(line).join('\n')
}
