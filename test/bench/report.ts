import { BASE, type Contender } from './contenders.js'
import { type Figure, figure, figureOf, type Measurements, ratio } from './figures.js'
import type { Startup } from './startup.js'
import { type Target, verdict } from './targets.js'

/** The measured contenders as a Markdown table. */
export function contenderTable (contenders: readonly Contender[], measurements: Measurements): string {
  const rows = contenders.map(({ name, title }) => {
    const cpu = figure(measurements, name, 'cpu')
    return [
      title,
      text(cpu),
      text(ratio(cpu, figure(measurements, BASE, 'cpu'))),
      Math.round(figure(measurements, name, 'pollsPerSecond').median).toLocaleString('en')
    ]
  })
  return table([['', 'CPU time per poll (µs)', 'ratio', 'polls per second'], ...rows])
}

/** How long a start takes as a Markdown table; in milliseconds. */
export function startupTable (withPlugin: readonly Startup[], withoutPlugin: readonly Startup[]): string {
  const row = (title: string, startups: readonly Startup[]) =>
    [title, text(figureOf(startups.map((startup) => startup.import))), text(figureOf(startups.map(({ ready }) => ready)))]
  return table([
    ['', 'import (ms)', '`ready()` (ms)'],
    row('Fastify with this plugin', withPlugin),
    ['Fastify with one route, and nothing else', '', ...row('', withoutPlugin).slice(2)]
  ])
}

/** The targets and their verdicts as a Markdown table. */
export function targetTable (targets: readonly Target[]): string {
  return table([['target', 'measured', 'bound', ''], ...targets.map((target) => [
    target.title,
    `${text(target.measured)} ${target.unit ?? ''}`.trimEnd(),
    `${target.isLowerBound ? 'at least' : 'at most'} ${target.bound} ${target.unit ?? ''}`.trimEnd(),
    verdict(target)
  ])])
}

/** The median and, in parentheses, the quartiles, with three digits; of one process the median alone. */
function text ({ median, low, high }: Figure): string {
  return low === high ? digits(median) : `${digits(median)} (${digits(low)}–${digits(high)})`
}

function digits (value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)
}

function table (rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(4, ...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`
  const aligned = rows.map((row) => line(row.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))))
  const rule = line(widths.map((width, column) => column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [aligned[0], rule, ...aligned.slice(1)].join('\n')
}
