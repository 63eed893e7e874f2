import type { Contender } from './contenders.js'
import { figure, type Measurements } from './figures.js'

const WIDTH = 800
const ROW = 26
const TOP = 64
const LABELS = 380
const BARS = 330

const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 11px; fill: #59636e }
  .figure { font-variant-numeric: tabular-nums }
  rect { fill: #9aa4b0 }
  .plugin { fill: #117865 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    rect { fill: #59636e }
    .plugin { fill: #2fb593 }
  }`

/** Polls per second of CPU time as an SVG image with light and dark colours. */
export function chart (contenders: readonly Contender[], measurements: Measurements, machine: string): string {
  const bars = contenders.map(({ name, title, module }) => ({
    title: title.replaceAll('`', ''), isPlugin: module === 'plugin', perSecond: 1e6 / figure(measurements, name, 'cpu').median
  }))
  const most = Math.max(...bars.map(({ perSecond }) => perSecond))
  const rows = bars.map(({ title, isPlugin, perSecond }, i) => {
    const y = TOP + i * ROW
    const width = Math.max(1, perSecond / most * BARS)
    return `
  <text x="${LABELS - 10}" y="${y + 15}" text-anchor="end">${escape(title)}</text>
  <rect x="${LABELS}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 8}" rx="2"${isPlugin ? ' class="plugin"' : ''}/>
  <text x="${(LABELS + width + 8).toFixed(1)}" y="${y + 15}" class="figure">${Math.round(perSecond).toLocaleString('en')}</text>`
  })
  const height = TOP + bars.length * ROW + 16
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Polls per second of CPU time">
  <style>${style}
  </style>
  <text x="16" y="26" class="title">Polls per second of CPU time</text>
  <text x="16" y="46" class="small">${escape(machine)}</text>${rows.join('')}
</svg>
`
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
