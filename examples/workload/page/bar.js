// The bar of a job: its states over time, a tick for each poll, and a tooltip.
import { clock, duration, stateText } from './text.js'
import { silences } from './workload.js'

/** @import { JobRecord, Span } from '../job-record.js' */

/** @typedef {{ state: string, from: number, to: number }} Stretch */

export class Bar {
  #bar
  #layers
  #tip
  /** The drawn periods. @type {{ from: number, whole: number, spans: Stretch[], silences: Stretch[] }} */
  #drawn = { from: 0, whole: 1, spans: [], silences: [] }

  /** @param {(name: string) => HTMLElement} part */
  constructor (part) {
    this.#bar = part('bar')
    this.#layers = { spans: part('spans'), silences: part('silences'), ticks: part('ticks') }
    this.#tip = part('tip')
    this.#bar.addEventListener('pointermove', (event) => this.#explain(event))
    this.#bar.addEventListener('pointerleave', () => this.#hideTip())
    this.#bar.addEventListener('focus', () => this.#showTip(this.#lines(), 0))
    this.#bar.addEventListener('blur', () => this.#hideTip())
    this.#bar.addEventListener('keydown', ({ key }) => { if (key === 'Escape') this.#hideTip() })
  }

  /** @param {JobRecord} job @param {boolean} isOver */
  draw (job, isOver) {
    const from = job.spans[0]?.from ?? job.createdAt
    const end = isOver ? job.spans.at(-1)?.to ?? from : Date.now()
    const whole = isOver ? Math.max(end - from, 1) : scaleFor(end - from)
    const spans = job.spans.map((span, i) => i === job.spans.length - 1 ? { ...span, to: end } : span)
    this.#drawn = { from, whole, spans, silences: silencesIn(from, end) }
    drawAll(this.#layers.spans, spans, (child, span) => this.#place(child, span, '8px'))
    drawAll(this.#layers.silences, this.#drawn.silences, (child, silence) => this.#place(child, silence, '0px'))
    const polls = job.polls.filter((at) => at <= end)
    drawAll(this.#layers.ticks, polls, (child, at) => { child.style.left = `${this.#percent(at)}%` })
    this.#bar.ariaLabel = this.#lines().map(({ what, howLong }) => `${what} for ${howLong}`).join(', ')
  }

  /** @param {HTMLElement} child @param {Stretch} stretch @param {string} least */
  #place (child, { state, from, to }, least) {
    child.dataset.state = state
    child.style.left = `min(${this.#percent(from)}%, 100% - ${least})`
    child.style.width = `max(${this.#percent(to) - this.#percent(from)}%, ${least})`
  }

  /** @param {number} time */
  #percent (time) {
    return 100 * (time - this.#drawn.from) / this.#drawn.whole
  }

  #lines () {
    const stretches = [...this.#drawn.spans, ...this.#drawn.silences].sort((a, b) => a.from - b.from)
    return stretches.map(describe)
  }

  /** @param {PointerEvent} event */
  #explain ({ target, clientX }) {
    const { left, width } = this.#bar.getBoundingClientRect()
    const time = this.#drawn.from + this.#drawn.whole * (clientX - left) / width
    const silence = this.#drawn.silences.find(({ from, to }) => from <= time && time <= to)
    const span = this.#drawn.spans[[...this.#layers.spans.children].findIndex((child) => child === target)]
    const found = silence ?? span
    if (found === undefined) return this.#hideTip()
    this.#showTip([describe(found)], clientX - left)
  }

  /** @param {ReturnType<typeof describe>[]} lines @param {number} x */
  #showTip (lines, x) {
    this.#tip.textContent = lines.map(({ what, howLong, period }) => `${what}: ${howLong} (${period})`).join('\n')
    this.#tip.hidden = false
    this.#tip.style.left = `${Math.max(0, Math.min(x, this.#bar.offsetWidth - this.#tip.offsetWidth))}px`
  }

  #hideTip () {
    this.#tip.hidden = true
  }
}

/** @param {Stretch} stretch */
function describe ({ state, from, to }) {
  return { what: stateText(state), howLong: duration(to - from), period: `${clock(from)} to ${clock(to)}` }
}

/** @param {number} from @param {number} end @returns {Stretch[]} */
function silencesIn (from, end) {
  return silences
    .map((silence) => ({ state: 'NoResponse', from: Math.max(silence.from, from), to: Math.min(silence.to ?? end, end) }))
    .filter(({ from, to }) => from < to)
}

/** The length of the bar of a job that has not ended, in milliseconds. @param {number} elapsed */
function scaleFor (elapsed) {
  let scale = 15_000
  while (elapsed > scale * 0.9) scale *= 2
  return scale
}

/**
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} things
 * @param {(child: HTMLElement, thing: T) => void} draw
 */
function drawAll (parent, things, draw) {
  while (parent.children.length > things.length) parent.lastElementChild?.remove()
  for (const [i, thing] of things.entries()) {
    const child = parent.children[i] ?? parent.appendChild(document.createElement('i'))
    if (child instanceof HTMLElement) draw(child, thing)
  }
}
