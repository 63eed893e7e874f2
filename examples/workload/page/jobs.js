// The jobs of the workload that the server records, and the filter by state.
import { element } from './dom.js'
import { JobCard } from './job-card.js'
import { startedJobs } from './started-jobs.js'
import { stateText } from './text.js'
import { callAsFabric } from './workload.js'

/** @import { CallRecord, JobRecord } from '../job-record.js' */

const STATES = ['All', 'NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled']

const list = element('cards', HTMLOListElement)
const filter = element('filter', HTMLFieldSetElement)

/** @type {Map<string, JobCard>} */
const cards = new Map()

export function newestJob () {
  return [...cards.values()].sort((a, b) => b.createdAt - a.createdAt).at(0)
}

/** @param {JobRecord} job */
function show (job) {
  const id = job.jobInstanceId.toLowerCase()
  const card = cards.get(id) ?? new JobCard(job)
  if (!cards.has(id)) {
    cards.set(id, card)
    list.prepend(card.root)
    card.openHub()
  } else {
    card.update(job)
  }
  return card
}

/** @param {Array<{ job: JobRecord, calls: CallRecord[] }>} recorded */
function showAll (recorded) {
  for (const { job, calls } of recorded) show(job).setCalls(calls)
  showFiltered()
  // After a restart, the server records these jobs again at their next poll.
  for (const [id, path] of startedJobs()) if (!cards.has(id)) callAsFabric({ method: 'GET', path })
}

/** @param {{ job: JobRecord | undefined, call: CallRecord }} recorded */
function showCall ({ job, call }) {
  if (job === undefined) return
  show(job).addCall(call)
  showFiltered()
}

// The filter.

const options = STATES.map((state) => {
  const label = document.createElement('label')
  const input = Object.assign(document.createElement('input'), { type: 'radio', name: 'state', value: state })
  const count = document.createElement('span')
  input.checked = state === 'All'
  label.append(input, state === 'All' ? 'All' : stateText(state), ' ', count)
  filter.append(label)
  return { state, input, count }
})

function showFiltered () {
  const chosen = options.find(({ input }) => input.checked)?.state ?? 'All'
  for (const { state, count } of options) {
    count.textContent = String([...cards.values()].filter(({ status }) => state === 'All' || state === status).length)
  }
  for (const { root, status } of cards.values()) root.hidden = chosen !== 'All' && chosen !== status
  element('empty', HTMLElement).hidden = list.querySelector('li:not([hidden])') !== null
}

/** Subscribes to the server's records, again after each restart of the server. @returns {EventSource} */
function listen () {
  const events = new EventSource('/fabric/jobs')
  events.addEventListener('jobs', ({ data }) => showAll(JSON.parse(data)))
  events.addEventListener('call', ({ data }) => showCall(JSON.parse(data)))
  return events
}

export function watchJobs () {
  filter.addEventListener('change', showFiltered)
  let events = listen()
  // A browser opens at most six connections to a server, and each subscribed tab needs one.
  document.addEventListener('visibilitychange', () => {
    events.close()
    if (document.visibilityState === 'visible') events = listen()
  })
  setInterval(drawAll, 250)
  addEventListener('silence', drawAll)
}

function drawAll () {
  for (const card of cards.values()) if (!card.root.hidden) card.draw()
}
