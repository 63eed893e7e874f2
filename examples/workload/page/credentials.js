// Invalid credentials to try, and valid headers to copy.
import { callItem, showLog } from './calls.js'
import { announce, copyOf, copyWhenPressed, element, partsOf, showError } from './dom.js'
import { newestJob } from './jobs.js'
import { call, getJson, newHeaders } from './workload.js'

const form = element('bad', HTMLFormElement)
const result = element('bad-result', HTMLElement)
const part = partsOf(result)

/** @param {string[]} names @param {string} sampleJob the path to poll if there is no job */
export function offerInvalidCredentials (names, sampleJob) {
  const groups = new Map(['Header', 'App token', 'Subject token'].map((label) => {
    const group = document.createElement('optgroup')
    group.label = label
    return [label, group]
  }))
  for (const name of names) {
    const [, kind] = /^(?:the )?(app|subject) token/i.exec(name) ?? []
    const label = kind === undefined ? 'Header' : kind === 'app' ? 'App token' : 'Subject token'
    groups.get(label)?.append(new Option(sentence(name), name))
  }
  element('bad-name', HTMLSelectElement).append(...groups.values())
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    tryCredentials(element('bad-name', HTMLSelectElement).value, newestJob()?.path ?? sampleJob)
  })
}

/** @param {string} name */
const sentence = (name) => name.replace(/^the /, '').replace(/^./, (first) => first.toUpperCase())

/** @param {string} bad @param {string} path */
async function tryCredentials (bad, path) {
  const answer = await call({ method: 'GET', path }, () => newHeaders(bad))
  /** @type {import('../job-record.js').CallRecord | undefined} */
  const recorded = answer && await getJson(`/fabric/calls/${answer.requestId}`)
  const pill = part('pill')
  pill.dataset.state = answer === undefined ? 'NoResponse' : answer.error ? 'Refused' : 'Answered'
  pill.textContent = answer === undefined ? 'No response' : answer.error ? `Refused: ${answer.status}` : `Accepted: ${answer.status}`
  part('name').textContent = sentence(bad)
  showError(part('error'), answer?.error)
  showLog(part('log'), part('lines'), recorded)
  part('calls').replaceChildren(...recorded ? [callItem(recorded)] : [])
  result.hidden = false
  result.scrollIntoView({ block: 'nearest' })
  announce(`${sentence(bad)}: ${pill.textContent}`)
}

export async function offerHeadersToCopy () {
  const headers = await newHeaders()
  for (const title of ['Authorization', 'x-ms-client-tenant-id']) {
    const name = title.toLowerCase()
    const { root, part } = copyOf('header-to-copy')
    part('name').textContent = title
    part('value').textContent = (headers[name] ?? '').replace(/eyJ[\w.-]{8,}/g, (token) => `${token.slice(0, 9)}…`)
    // New headers each time: the shown ones may have expired.
    copyWhenPressed(part('copy'), title, async () => (await newHeaders())[name] ?? '')
    element('copy', HTMLElement).append(root)
  }
}
