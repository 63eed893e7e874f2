// Simulates Fabric over the workload's own routes: starts jobs, polls them until they have ended, cancels them.
import { offerHeadersToCopy, offerInvalidCredentials } from './credentials.js'
import { element, partsOf, showError } from './dom.js'
import { watchJobs } from './jobs.js'
import { noteStarted } from './started-jobs.js'
import { callAsFabric, getJson } from './workload.js'

/** @type {{ sampleJob: string, badHeaders: string[] }} */
const { sampleJob, badHeaders } = await getJson('/fabric')
const samplePath = sampleJob.slice(0, sampleJob.lastIndexOf('/') + 1)

const form = element('start', HTMLFormElement)
const problem = element('start-problem', HTMLElement)
element('job-type', HTMLElement).textContent = decodeURIComponent(samplePath.split('/').at(-3) ?? '')

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const values = new FormData(form)
  start({ seconds: Number(values.get('seconds')), fail: values.get('end') === 'fail' })
})

/** @param {{ seconds: number, fail: boolean }} creationPayload */
async function start (creationPayload) {
  const id = crypto.randomUUID()
  const path = samplePath + id
  noteStarted(id, path)
  const answer = await callAsFabric({ method: 'POST', path, payload: { invokeType: 'Manual', creationPayload } })
  problem.hidden = answer?.status === 202
  if (problem.hidden) return
  partsOf(problem)('title').textContent = answer ? `The job was not accepted: ${answer.status}` : 'The workload did not respond.'
  showError(partsOf(problem)('error'), answer?.error)
}

offerInvalidCredentials(badHeaders, sampleJob)
watchJobs()
// Enabled now, because before this the buttons had no effect.
for (const button of document.querySelectorAll('form button')) button.removeAttribute('disabled')
await offerHeadersToCopy()
