import type { Contender } from './contender.js'
import { BASE } from './contenders.js'
import { median, type Measurements, type Metric, ratio } from './figures.js'
import { isMet, type Target } from './targets.js'

const HEAD = ['', 'requests/s', 'CPU µs/request', 'ratio', 'spread', 'p50 ms', 'p99 ms', 'peak MB', 'generator']

/** The figures of all contenders as text, one line each. */
export function contenderTable (contenders: readonly Contender[], measurements: Measurements): string {
  const rows = contenders.map(({ name, title }) => {
    const figure = (metric: Metric) => median(measurements, name, metric)
    const { median: toBase, min, max } = ratio(measurements, name, BASE)
    return [
      title,
      figure('requestsPerSecond').toFixed(0),
      figure('cpu').toFixed(1),
      toBase.toFixed(2),
      `${min.toFixed(2)}-${max.toFixed(2)}`,
      figure('p50').toFixed(2),
      figure('p99').toFixed(2),
      (figure('peakMemory') / 1e6).toFixed(0),
      `${(figure('generator') * 100).toFixed(0)}%`
    ]
  })
  return table([HEAD, ...rows])
}

/** What was promised and what was measured, one line each. */
export function targetTable (targets: readonly Target[]): string {
  return table([['', 'measured', 'target', ''], ...targets.map((target) => [
    target.title,
    `${target.measured.toFixed(2)} ${target.unit ?? ''}`.trimEnd(),
    `${target.atLeast ? 'at least' : 'at most'} ${target.bound} ${target.unit ?? ''}`.trimEnd(),
    isMet(target) ? 'met' : 'MISSED'
  ])])
}

function table (rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: string[]) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)).join('  ')
  return rows.map(line).join('\n')
}
