// Polls jobs as Fabric does, at the interval of the slider.
import { element } from './dom.js'
import { callAsFabric } from './workload.js'

/** Seconds. */
const INTERVALS = [1, 2, 5, 10, 20, 30, 60]
const slider = element('interval', HTMLInputElement)

/** In milliseconds. */
const interval = () => 1_000 * (INTERVALS[slider.valueAsNumber] ?? 60)

/** @type {Set<Polling>} */
const running = new Set()

/** Polls one job until it is stopped or gets a permanent error. */
export class Polling {
  #path
  #polledAt = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {string} path */
  constructor (path) {
    this.#path = path
    this.activityId = crypto.randomUUID()
    running.add(this)
    this.#poll()
  }

  async #poll () {
    this.#polledAt = Date.now()
    const answer = await callAsFabric({ method: 'GET', path: this.#path, activityId: this.activityId })
    if (answer?.error?.isPermanent) return this.stop()
    this.schedule()
  }

  /** Schedules the next poll, also after a change of the interval. */
  schedule () {
    clearTimeout(this.#timer)
    if (running.has(this)) this.#timer = setTimeout(() => this.#poll(), this.#polledAt + interval() - Date.now())
  }

  stop () {
    running.delete(this)
    clearTimeout(this.#timer)
  }
}

function showInterval () {
  const seconds = interval() / 1_000
  const text = { 1: 'every second', 60: 'every minute, as Fabric does' }[seconds] ?? `every ${seconds} seconds`
  element('interval-text', HTMLElement).textContent = text
  slider.ariaValueText = text
  for (const polling of running) polling.schedule()
}

slider.addEventListener('input', showInterval)
showInterval()
