import { BASE } from './contenders.js'
import { difference, type Figure, figure, figureOf, type Measurements, type Metric, ratio } from './figures.js'
import type { Startup } from './startup.js'

/** The figures of one run. */
export interface Figures {
  measurements: Measurements
  /** One element for each process. */
  startups: { withPlugin: readonly Startup[], withoutPlugin: readonly Startup[] }
  /** In bytes for each token, one element for each process. */
  memory: readonly number[]
}

/** A bound of the plugin's cost, and the figure to compare with it. */
export interface Target {
  title: string
  measured: Figure
  /** The largest value that is allowed, or the smallest if `isLowerBound` is true. */
  bound: number
  isLowerBound?: boolean
  unit?: string
}

/** Judges by the median, and says so if the spread leaves it open. */
export function verdict ({ measured: { median, low, high }, bound, isLowerBound = false }: Target): string {
  const isMet = isLowerBound ? median >= bound : median <= bound
  const isClear = bound < low || bound > high
  return `${isMet ? 'met' : 'MISSED'}${isClear ? '' : ', within the spread'}`
}

/** The targets for which there are figures. */
export function targets ({ measurements, startups: { withPlugin, withoutPlugin }, memory }: Figures): Target[] {
  const times = (name: string, other: string, metric: Metric = 'cpu') =>
    ratio(figure(measurements, name, metric), figure(measurements, other, metric))
  const all: Target[] = [
    { title: '`authentication: false`: CPU, relative to the same schemas', measured: times('plugin', BASE), bound: 1.10 },
    { title: 'tokens seen before: CPU, relative to the same schemas', measured: times('seen', BASE), bound: 1.20 },
    { title: 'tokens seen before: polls per second, relative to Express', measured: times('seen', 'express', 'pollsPerSecond'), bound: 8, isLowerBound: true },
    { title: 'new tokens: polls per second, relative to Express', measured: times('never-seen', 'express', 'pollsPerSecond'), bound: 2, isLowerBound: true },
    { title: 'new tokens: CPU, relative to the lower bound', measured: times('never-seen', 'limit'), bound: 1.60 },
    { title: 'deadline: CPU, relative to none', measured: times('plugin', 'no-deadline'), bound: 1.03 },
    { title: '400: CPU, relative to 200', measured: times('400', 'plugin'), bound: 1.50 },
    { title: '404: CPU, relative to 200', measured: times('404', 'plugin'), bound: 1.50 },
    { title: '401 without tokens: CPU, relative to tokens seen before', measured: times('401', 'seen'), bound: 1.50 },
    { title: '401 for invalid signatures: CPU, relative to new tokens', measured: times('forged', 'never-seen'), bound: 1.50 },
    { title: 'import', measured: figureOf(withPlugin.map((startup) => startup.import)), bound: 60, unit: 'ms' },
    {
      title: 'registration: added to `ready()`',
      measured: difference(figureOf(withPlugin.map(({ ready }) => ready)), figureOf(withoutPlugin.map(({ ready }) => ready))),
      bound: 20,
      unit: 'ms'
    },
    { title: 'memory for 10,000 cached tokens', measured: figureOf(memory.map((bytes) => bytes * 10_000 / 1e6)), bound: 40, unit: 'MB' }
  ]
  return all.filter(({ measured }) => !Number.isNaN(measured.median))
}
