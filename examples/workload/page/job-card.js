// The card of a job on the page.
import { Bar } from './bar.js'
import { callItem, outcomeOf } from './calls.js'
import { announce, copyOf, copyWhenPressed, showError, showFacts } from './dom.js'
import { Polling } from './polling.js'
import { isStartedHere } from './started-jobs.js'
import { clock, dateAndTime, duration, itemName, stateText, when } from './text.js'
import { callAsFabric, isSilent } from './workload.js'

/** @import { CallRecord, JobRecord } from '../job-record.js' */

const FINAL = new Set(['Completed', 'Failed', 'Cancelled'])
const MAX_CALLS = 30

export class JobCard {
  #copy = copyOf('card')
  #bar = new Bar(this.#copy.part)
  #polling
  #job

  /** @param {JobRecord} job */
  constructor (job) {
    this.#job = job
    const { root, part } = this.#copy
    root.id = `job-${job.jobInstanceId}`
    part('title').textContent = job.jobType
    part('id').textContent = job.jobInstanceId
    part('cancel').ariaLabel = `Cancel ${this.#name}`
    part('cancel').addEventListener('click', () => this.#cancel())
    copyWhenPressed(part('copy'), `the ID of ${this.#name}`, () => job.jobInstanceId)
    this.#showJob()
    this.#polling = this.isOver ? undefined : new Polling(job.path)
  }

  get root () {
    return this.#copy.root
  }

  get path () {
    return this.#job.path
  }

  get createdAt () {
    return this.#job.createdAt
  }

  /** One of the contract's five states. */
  get status () {
    return this.#job.state?.status ?? 'NotStarted'
  }

  get isOver () {
    return FINAL.has(this.status)
  }

  get #name () {
    return `${this.#job.jobType} ${this.#job.jobInstanceId.slice(0, 8)}`
  }

  /** @param {JobRecord} job */
  update (job) {
    this.#job = job
    if (this.isOver) this.#polling?.stop()
    if (this.#showJob()) announce(`${this.#name}: ${this.#copy.part('pill').textContent}`)
  }

  /** @param {CallRecord[]} calls the oldest first */
  setCalls (calls) {
    this.#copy.part('calls').replaceChildren(...calls.map(callItem).reverse())
    this.#showCount(calls.at(-1))
  }

  /** @param {CallRecord} call */
  addCall (call) {
    const list = this.#copy.part('calls')
    list.prepend(callItem(call))
    if (list.children.length > MAX_CALLS) list.lastElementChild?.remove()
    this.#showCount(call)
  }

  /** Updates the parts that change with time. */
  draw () {
    this.#bar.draw(this.#job, this.isOver)
    if (this.isOver) return
    this.#showState()
    this.#showTimes()
  }

  /** Closes the other calls. */
  openHub () {
    this.#copy.part('hub').setAttribute('open', '')
  }

  async #cancel () {
    await callAsFabric({ method: 'POST', path: `${this.path}/cancel`, activityId: this.#polling?.activityId ?? '' })
  }

  /** @returns whether the state has changed */
  #showJob () {
    const { state, error, spans } = this.#job
    const { part } = this.#copy
    part('cancel').hidden = this.isOver
    showError(part('error'), state?.errorDetails ?? (this.isOver ? undefined : error))
    part('error').dataset.state = state?.errorDetails ? 'Failed' : 'NoState'
    this.#bar.draw(this.#job, this.isOver)
    part('bar').hidden = spans.length === 0
    this.#showTimes()
    return this.#showState()
  }

  #showState () {
    const { state, error } = this.#job
    const shown = this.isOver ? this.status : isSilent() ? 'NoResponse' : error ? 'NoState' : state?.status ?? 'Accepted'
    const pill = this.#copy.part('pill')
    if (pill.dataset.state === shown) return false
    pill.dataset.state = shown
    pill.textContent = stateText(shown)
    return true
  }

  #showTimes () {
    const { itemType, startedBy, state, reportedAfter, jobInstanceId } = this.#job
    const { startTimeUtc, endTimeUtc } = state ?? {}
    const took = startTimeUtc && duration((endTimeUtc ? Date.parse(endTimeUtc) : Date.now()) - Date.parse(startTimeUtc))
    showFacts(this.#copy.part('facts'), {
      Item: itemType,
      'Started by': starter(startedBy, isStartedHere(jobInstanceId)),
      Started: startTimeUtc && when(startTimeUtc),
      Ended: endTimeUtc && when(endTimeUtc),
      Duration: took,
      Reported: reportedAfter === undefined ? undefined : reportedText(reportedAfter)
    })
    this.#showHub(took)
  }

  /** @param {string | undefined} took */
  #showHub (took) {
    const { itemType, state } = this.#job
    const { part } = this.#copy
    part('hub-name').textContent = itemName(itemType)
    part('hub-status').textContent = stateText(this.status)
    part('hub-status').dataset.state = this.status
    part('hub-type').textContent = itemType
    part('hub-start').textContent = state?.startTimeUtc ? dateAndTime(state.startTimeUtc) : '–'
    part('hub-duration').textContent = took ?? '–'
    part('hub-error').textContent = state?.errorDetails?.message ?? '–'
  }

  /** @param {CallRecord | undefined} latest */
  #showCount (latest) {
    if (latest === undefined) return
    const { callCount } = this.#job
    const what = `${clock(latest.at)}: ${outcomeOf(latest)}`
    this.#copy.part('count').textContent = callCount === 1
      ? `1 request, at ${what}`
      : `${callCount} requests, the latest at ${what}`
  }
}

/** @param {string | undefined} startedBy @param {boolean} isHere */
function starter (startedBy, isHere) {
  if (isHere) return 'this page'
  if (startedBy === 'this page') return 'this page, in another tab'
  return startedBy ?? 'unknown: before the server started'
}

/** @param {number} ms */
const reportedText = (ms) => ms < 50 ? 'at once' : `${duration(ms)} after the end`
