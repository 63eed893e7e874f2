/** A series that is drawn over time. */
export interface Series {
  title: string
  /** In order of time; in minutes. */
  points: ReadonlyArray<readonly [minute: number, value: number]>
}

const WIDTH = 720
const HEIGHT = 120
const MARGIN = { left: 70, right: 20, top: 28, bottom: 22 }

/** Draws series as an SVG, one below the other over the same time; each from 0 to its largest value. */
export function plot (series: readonly Series[]): string {
  const panels = series.map((one, i) => panel(one, i * (HEIGHT + MARGIN.top + MARGIN.bottom)))
  const [width, height] = [MARGIN.left + WIDTH + MARGIN.right, series.length * (HEIGHT + MARGIN.top + MARGIN.bottom)]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
</svg>
`
}

function panel ({ title, points }: Series, y: number): string {
  const end = Math.max(...points.map(([minute]) => minute))
  const largest = Math.max(...points.map(([, value]) => value))
  const top = y + MARGIN.top
  const at = ([minute, value]: readonly [number, number]) => [
    MARGIN.left + minute / (end || 1) * WIDTH, top + HEIGHT * (1 - value / (largest || 1))
  ].map((coordinate) => coordinate.toFixed(1)).join(',')
  const label = (x: number, y: number, anchor: string, text: string) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`

  return [
    label(MARGIN.left, top - 8, 'start', title),
    `<rect x="${MARGIN.left}" y="${top}" width="${WIDTH}" height="${HEIGHT}" fill="none" stroke="#bbb"/>`,
    label(MARGIN.left - 6, top + 10, 'end', largest.toFixed(1)),
    label(MARGIN.left - 6, top + HEIGHT, 'end', '0'),
    label(MARGIN.left, top + HEIGHT + 15, 'start', '0'),
    label(MARGIN.left + WIDTH, top + HEIGHT + 15, 'end', `${end.toFixed(1)} min`),
    `<polyline points="${points.map(at).join(' ')}" fill="none" stroke="#1f6feb" stroke-width="1.5"/>`
  ].join('\n')
}
