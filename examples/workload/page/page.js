// Plays Fabric's part by the workload's own routes: starts jobs, polls them until they have ended, cancels them.

/** @import { ErrorResponse, ItemJobInstanceState } from 'fastify-fabric-job-state/schemas' */

/**
 * What came back: of a 200 the body is a state, of anything else an error.
 * @typedef {{ status: number, statusText: string, headers: Headers, text: string,
 *   state?: ItemJobInstanceState, error?: ErrorResponse }} Answer
 */

/**
 * A request to the workload, and its answer where one came.
 * @typedef {{ at: number, method: string, path: string, headers: Record<string, string>, payload: string | undefined,
 *   took: number, answer: Answer | undefined }} Exchange
 */

/** @type {{ sampleJob: string, badHeaders: string[] }} */
const { sampleJob, badHeaders } = await getJson('/fabric')

// What is on the page.

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 */
function element (id, type) {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`The page has no such #${id}`)
  return found
}

/**
 * A copy of a template, and how to get at its parts.
 * @param {string} id
 */
function copyOf (id) {
  const root = document.importNode(element(id, HTMLTemplateElement).content, true).firstElementChild
  /** @param {string} name */
  const part = (name) => {
    const found = root?.querySelector(`[data-part="${name}"]`)
    if (!(found instanceof HTMLElement)) throw new Error(`The template ${id} has no ${name}`)
    return found
  }
  if (root === null) throw new Error(`The template ${id} is empty`)
  return { root, part }
}

const cards = element('cards', HTMLOListElement)
const announcement = element('announcement', HTMLElement)

/** For those who hear the page. @param {string} text */
const announce = (text) => { announcement.textContent = text }

// What goes over the wire.

/** @param {string} url */
async function getJson (url) {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${response.status} for ${url}`)
  return await response.json()
}

/** @param {string} [bad] what is wrong with them @returns {Promise<Record<string, string>>} */
const newHeaders = (bad) => getJson(`/fabric/headers${bad === undefined ? '' : `?${new URLSearchParams({ bad })}`}`)

/** Fabric uses its tokens many times. @type {Promise<Record<string, string>> | undefined} */
let kept

async function keptHeaders () {
  kept ??= newHeaders()
  try {
    return await kept
  } catch (error) {
    kept = undefined
    throw error
  }
}

/** How long an answer is waited for, in milliseconds. */
const PATIENCE = 30_000

/**
 * @param {() => Promise<Record<string, string>>} headersOf
 * @param {{ method: string, path: string, payload?: string }} request
 * @returns {Promise<Exchange>}
 */
async function exchange (headersOf, { method, path, payload }) {
  const at = Date.now()
  /** @type {Record<string, string>} */
  let headers = {}
  let answer
  try {
    headers = { ...await headersOf(), requestid: crypto.randomUUID() }
    if (payload !== undefined) headers['content-type'] = 'application/json'
    const signal = AbortSignal.timeout(PATIENCE)
    const body = payload ?? null
    answer = await read(await fetch(path, { method, headers, body, signal, cache: 'no-store' }))
  } catch {
    // No answer is what there is to see.
  }
  showWorkload(at, answer)
  return { at, method, path, headers, payload, took: Date.now() - at, answer }
}

/** @param {Response} response @returns {Promise<Answer>} */
async function read (response) {
  const { status, statusText, headers, ok } = response
  const text = await response.text()
  const body = headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : undefined
  return { status, statusText, headers, text, ...(ok ? { state: body } : { error: body }) }
}

const workload = element('workload', HTMLElement)
let silentSince = 0

/** @param {number} at @param {Answer | undefined} answer */
function showWorkload (at, answer) {
  silentSince = answer ? 0 : silentSince || at
  const state = answer ? 'Up' : 'Down'
  if (workload.dataset.state === state) return
  if (state === 'Down' || workload.dataset.state === 'Down') {
    announce(answer ? 'The workload answers again.' : 'The workload does not answer.')
  }
  workload.dataset.state = state
  workload.textContent = answer ? 'The workload answers' : `No answer since ${clock(silentSince)}`
}

// How things are told.

/** The contract's states, and what else can be said of a job. @type {Record<string, string>} */
const WORDS = {
  NotStarted: 'Not started',
  InProgress: 'In progress',
  Completed: 'Completed',
  Failed: 'Failed',
  Cancelled: 'Cancelled',
  Sent: 'Sent',
  NoAnswer: 'No answer',
  Refused: 'Refused',
  Answered: 'Answered'
}

const FINAL = new Set(['Completed', 'Failed', 'Cancelled'])

/** @param {number | string} time */
const clock = (time) => new Date(time).toLocaleTimeString('en-GB')

/** @param {number} ms */
function duration (ms) {
  const seconds = ms / 1_000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  return seconds < 60 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

/** @param {number} ms */
const later = (ms) => ms < 50 ? 'at once' : `${duration(ms)} later`

/** Whoever reads over a shoulder gets no token. @param {string} text */
const cutShort = (text) => text.replace(/eyJ[\w.-]{8,}/g, (token) => `${token.slice(0, 9)}…`)

/** @param {Iterable<[string, string]>} headers */
const headerLines = (headers) => [...headers].map(([name, value]) => `${name}: ${cutShort(value)}\n`).join('')

/** @param {string} text */
function pretty (text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}

/**
 * Fills a list of terms and what there is to say of each; what is undefined is left out.
 * @param {HTMLElement} list
 * @param {Record<string, string | string[] | undefined>} facts
 */
function showFacts (list, facts) {
  const groups = Object.entries(facts).flatMap(([term, said]) => {
    if (said === undefined || said.length === 0) return []
    const group = document.createElement('div')
    group.append(node('dt', term), ...[said].flat().map((each) => node('dd', each)))
    return [group]
  })
  list.replaceChildren(...groups)
  list.hidden = groups.length === 0
}

/** @param {string} name @param {string} text */
function node (name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

/** More of them would only make the page slow. */
const MOST_EXCHANGES = 100

/** What is seen of a job, or of a poll by somebody else. */
class Card {
  #copy = copyOf('card')
  #exchanges = 0

  /** @param {string} title @param {string} id */
  constructor (title, id) {
    this.part('title').textContent = title
    this.part('id').textContent = id
    this.show('Sent')
    cards.prepend(this.#copy.root)
    element('empty', HTMLElement).hidden = true
  }

  /** @param {string} name */
  part (name) {
    return this.#copy.part(name)
  }

  /** @param {string} state @param {string} [more] */
  show (state, more = '') {
    const pill = this.part('pill')
    const text = `${WORDS[state] ?? state}${more}`
    if (pill.textContent === text) return
    pill.textContent = text
    pill.dataset.state = state
    announce(`${this.part('title').textContent}, ${this.part('id').textContent}: ${text}`)
  }

  /** As a person would see it. @param {ErrorResponse | undefined} error */
  showError (error) {
    this.part('error').hidden = error === undefined
    if (error === undefined) return
    this.part('message').textContent = error.message
    showFacts(this.part('details'), {
      Code: error.errorCode,
      Source: error.source,
      'Try again': error.isPermanent === undefined ? undefined : error.isPermanent ? 'of no use' : 'may help',
      Parameters: error.messageParameters,
      More: error.moreDetails?.map(({ errorCode, message }) => `${errorCode}: ${message}`)
    })
  }

  /** @param {Exchange} exchange */
  add ({ at, method, path, headers, payload, took, answer }) {
    const { root, part } = copyOf('exchange')
    const outcome = answer ? `${answer.status} ${answer.state?.status ?? answer.error?.errorCode ?? ''}` : 'no answer'
    part('time').textContent = clock(at)
    part('method').textContent = method
    part('outcome').textContent = outcome
    part('outcome').dataset.state = answer === undefined ? 'NoAnswer' : answer.status < 400 ? 'Answered' : 'Refused'
    part('took').textContent = `${took} ms`
    part('request').textContent = `${method} ${path}\n${headerLines(Object.entries(headers))}\n${payload ?? ''}`.trim()
    part('answer').textContent = answer
      ? `${answer.status} ${answer.statusText}\n${headerLines(answer.headers)}\n${pretty(answer.text)}`.trim()
      : 'None: the workload could not be reached.'
    const list = this.part('exchanges')
    list.prepend(root)
    if (list.children.length > MOST_EXCHANGES) list.lastElementChild?.remove()
    this.#exchanges++
    this.part('count').textContent = this.#exchanges === 1
      ? `1 request, at ${clock(at)}: ${outcome}`
      : `${this.#exchanges} requests, the latest at ${clock(at)}: ${outcome}`
  }
}

/**
 * The state over time as it was told: from one answer to the next what the first one told, unless the second one tells
 * since when it is otherwise. Where no answer came, there is a gap.
 */
class Timeline {
  /** @type {Array<{ state: string, from: number, to: number }>} */
  #spans
  /** @type {Array<{ at: number, isTold: boolean }>} */
  #polls = []

  /** @param {number} from */
  constructor (from) {
    this.#spans = [{ state: 'NotStarted', from, to: from }]
  }

  /** @param {number} at @param {ItemJobInstanceState | undefined} told */
  tell (at, told) {
    this.#polls.push({ at, isTold: told !== undefined })
    for (const { state, since } of told ? changes(told) : []) {
      const last = this.#last
      const isOtherwise = last.state !== 'NoAnswer' && last.state !== state && since > last.from
      if (isOtherwise) this.#change(state, Math.min(since, at))
    }
    this.#change(told?.status ?? 'NoAnswer', at)
  }

  get #last () {
    const last = this.#spans.at(-1)
    if (last === undefined) throw new Error('A timeline has a beginning')
    return last
  }

  /** @param {string} state @param {number} at */
  #change (state, at) {
    const last = this.#last
    last.to = Math.max(at, last.from)
    if (last.state !== state) this.#spans.push({ state, from: last.to, to: last.to })
  }

  /** @param {Card} card @param {boolean} isOver */
  draw (card, isOver) {
    const from = this.#spans[0]?.from ?? 0
    const elapsed = (isOver ? this.#last.to : Date.now()) - from
    const whole = isOver ? elapsed : scaleFor(elapsed)
    /** @param {number} time */
    const percent = (time) => 100 * (time - from) / Math.max(whole, 1)

    const now = from + elapsed
    drawAll(card.part('spans'), this.#spans, (child, span, i) => {
      const to = i === this.#spans.length - 1 ? now : span.to
      child.dataset.state = span.state
      child.style.left = `min(${percent(span.from)}%, 100% - 8px)`
      child.style.width = `max(${percent(to) - percent(span.from)}%, 8px)`
    })
    drawAll(card.part('ticks'), this.#polls.slice(-MOST_EXCHANGES), (child, { at, isTold }) => {
      child.dataset.state = isTold ? 'Answered' : 'NoAnswer'
      child.style.left = `${percent(at)}%`
    })
    card.part('bar').hidden = false
    card.part('bar').ariaLabel = this.#spans.map((span, i) =>
      `${WORDS[span.state]} for ${duration((i === this.#spans.length - 1 ? now : span.to) - span.from)}`).join(', ')
  }
}

/** Since when a state is otherwise than before. @param {ItemJobInstanceState} told */
function changes ({ status, startTimeUtc, endTimeUtc }) {
  return [
    ...startTimeUtc === undefined ? [] : [{ state: 'InProgress', since: Date.parse(startTimeUtc) }],
    ...endTimeUtc === undefined ? [] : [{ state: status, since: Date.parse(endTimeUtc) }]
  ]
}

/** What a bar shows of a job whose end is not known: the next of these lengths. @param {number} elapsed */
function scaleFor (elapsed) {
  let scale = 15_000
  while (elapsed > scale * 0.9) scale *= 2
  return scale
}

/**
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} things
 * @param {(child: HTMLElement, thing: T, i: number) => void} draw
 */
function drawAll (parent, things, draw) {
  while (parent.children.length > things.length) parent.lastElementChild?.remove()
  for (const [i, thing] of things.entries()) {
    const child = parent.children[i] ?? parent.appendChild(document.createElement('i'))
    if (child instanceof HTMLElement) draw(child, thing, i)
  }
}

// Jobs.

/** The newest first. @type {Job[]} */
const jobs = []

/** A job, from its start to its end. */
class Job {
  #card
  #timeline
  #activityId = crypto.randomUUID()
  #isOver = false
  #polledAt = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {{ jobType: string, id?: string, at?: number }} job */
  constructor ({ jobType, id = crypto.randomUUID(), at = Date.now() }) {
    this.kept = { jobType, id, at }
    this.path = `${sampleJob.split('/jobTypes/')[0]}/jobTypes/${encodeURIComponent(jobType)}/instances/${id}`
    this.#card = new Card(jobType, id.slice(0, 8))
    this.#card.part('id').title = id
    this.#card.part('cancel').addEventListener('click', () => this.cancel())
    this.#card.part('cancel').ariaLabel = `Cancel ${jobType} ${id.slice(0, 8)}`
    this.#timeline = new Timeline(at)
    jobs.unshift(this)
    sessionStorage.setItem('jobs', JSON.stringify(jobs.slice(0, 20).map(({ kept }) => kept)))
  }

  /** @param {{ seconds: number, fail: boolean }} creationPayload */
  async start (creationPayload) {
    const { answer } = await this.#call('POST', this.path, JSON.stringify({ creationPayload }))
    if (answer?.status === 202) return await this.poll()
    this.#isOver = true
    this.#card.show(answer ? 'Refused' : 'NoAnswer', answer && `: ${answer.status}`)
    this.#card.showError(answer?.error)
  }

  async poll () {
    clearTimeout(this.#timer)
    this.#polledAt = Date.now()
    this.#tell(await this.#call('GET', this.path))
  }

  async cancel () {
    this.#tell(await this.#call('POST', `${this.path}/cancel`))
  }

  /** Whether there is something to ask for: a job that the workload has taken, and that has not ended. */
  get #isPolled () {
    return this.#polledAt !== 0 && !this.#isOver
  }

  /** When the next poll is due has been set anew. */
  schedule () {
    clearTimeout(this.#timer)
    if (this.#isPolled) this.#timer = setTimeout(() => this.poll(), this.#polledAt + interval() - Date.now())
  }

  draw () {
    if (this.#isPolled) this.#timeline.draw(this.#card, false)
  }

  /**
   * A call with the tokens that Fabric has and, where they do not hold any more, once again with new ones: the server's
   * keys are new after a restart, and tokens live for an hour.
   * @param {string} method
   * @param {string} path
   * @param {string} [payload]
   */
  async #call (method, path, payload) {
    const request = { method, path, ...(payload && { payload }) }
    const once = () => exchange(async () => ({ ...await keptHeaders(), activityid: this.#activityId }), request)
    const first = await once()
    this.#card.add(first)
    if (first.answer?.status !== 401) return first
    kept = undefined
    const second = await once()
    this.#card.add(second)
    return second
  }

  /** @param {Exchange} exchange */
  #tell ({ at, took, answer }) {
    if (this.#isOver) return
    const { state, error } = answer ?? {}
    this.#isOver = FINAL.has(state?.status ?? '') || error?.isPermanent === true
    this.#timeline.tell(at + took, state)
    this.#timeline.draw(this.#card, this.#isOver)
    if (state) this.#card.show(state.status)
    else this.#card.show(answer ? 'Refused' : 'NoAnswer', answer && `: ${answer.status}`)
    if (answer) this.#card.showError(state ? state.errorDetails : error)
    if (state) this.#showTimes(state, at + took)
    this.#card.part('cancel').hidden = this.#isOver
    this.schedule()
  }

  /** @param {ItemJobInstanceState} state @param {number} toldAt */
  #showTimes ({ startTimeUtc, endTimeUtc }, toldAt) {
    showFacts(this.#card.part('facts'), {
      Started: startTimeUtc && clock(startTimeUtc),
      Ended: endTimeUtc && clock(endTimeUtc),
      Took: startTimeUtc && endTimeUtc && duration(Date.parse(endTimeUtc) - Date.parse(startTimeUtc)),
      Told: endTimeUtc && later(toldAt - Date.parse(endTimeUtc))
    })
  }
}

// What a person does.

/** Seconds. */
const INTERVALS = [1, 2, 5, 10, 20, 30, 60]
const slider = element('interval', HTMLInputElement)

/** In milliseconds. */
const interval = () => 1_000 * (INTERVALS[slider.valueAsNumber] ?? 60)

function showInterval () {
  const seconds = interval() / 1_000
  const text = { 1: 'every second', 60: 'every minute, as Fabric does' }[seconds] ?? `every ${seconds} seconds`
  element('interval-text', HTMLElement).textContent = text
  slider.ariaValueText = text
  for (const job of jobs) job.schedule()
}

const startForm = element('start', HTMLFormElement)
startForm.addEventListener('submit', (event) => {
  event.preventDefault()
  const values = new FormData(startForm)
  const job = new Job({ jobType: String(values.get('jobType')) })
  job.start({ seconds: Number(values.get('seconds')), fail: values.get('end') === 'fail' })
})

const badForm = element('bad', HTMLFormElement)
badForm.addEventListener('submit', async (event) => {
  event.preventDefault()
  const bad = String(new FormData(badForm).get('bad'))
  const path = jobs[0]?.path ?? sampleJob
  const card = new Card(bad, path.slice(-36, -28))
  const { answer, ...sent } = await exchange(() => newHeaders(bad), { method: 'GET', path })
  card.add({ answer, ...sent })
  card.show(answer === undefined ? 'NoAnswer' : answer.error ? 'Refused' : 'Answered', answer && `: ${answer.status}`)
  card.showError(answer?.error)
})

function offerBadHeaders () {
  const groups = new Map(['The headers', 'The app token', 'The subject token'].map((label) => {
    const group = document.createElement('optgroup')
    group.label = label
    return [label, group]
  }))
  for (const name of badHeaders) {
    const kind = /^the (app|subject) token/.exec(name)?.[1]
    groups.get(kind === undefined ? 'The headers' : `The ${kind} token`)?.append(new Option(name, name))
  }
  badForm.querySelector('select')?.append(...groups.values())
}

async function offerHeadersToCopy () {
  const headers = await newHeaders()
  for (const title of ['Authorization', 'x-ms-client-tenant-id']) {
    const name = title.toLowerCase()
    const { root, part } = copyOf('header-to-copy')
    part('name').textContent = title
    part('value').textContent = cutShort(headers[name] ?? '')
    part('copy').ariaLabel = `Copy ${title}`
    part('copy').addEventListener('click', () => copy(part('copy'), name))
    element('copy', HTMLElement).append(root)
  }
}

/** New ones each time: those that are shown may have expired. @param {HTMLElement} button @param {string} name */
async function copy (button, name) {
  const value = newHeaders().then((headers) => new Blob([headers[name] ?? ''], { type: 'text/plain' }))
  // A browser that lets a page write only while a button is being pressed takes the promise.
  await navigator.clipboard.write([new ClipboardItem({ 'text/plain': value })])
  button.textContent = 'Copied'
  announce(`${name} has been copied.`)
  setTimeout(() => { button.textContent = 'Copy' }, 2_000)
}

offerBadHeaders()
slider.addEventListener('input', showInterval)
showInterval()
setInterval(() => { for (const job of jobs) job.draw() }, 250)
// Until here a button would have done nothing.
for (const button of document.querySelectorAll('form button')) button.removeAttribute('disabled')

// After a reload of the page it goes on with the jobs that it had.
for (const job of JSON.parse(sessionStorage.getItem('jobs') ?? '[]').reverse()) new Job(job).poll()

await offerHeadersToCopy()
