// Calls the workload with the headers that Fabric sends.
import { announce, element } from './dom.js'
import { clock } from './text.js'

/** @import { ErrorResponse, ItemJobInstanceState } from 'fastify-fabric-job-state/schemas' */

/** @typedef {{ method: string, path: string, payload?: object, activityId?: string }} Request */

/** @typedef {{ requestId: string, status: number, error?: ErrorResponse }} Answer */

/** @param {string} url */
export async function getJson (url) {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${response.status} for ${url}`)
  return await response.json()
}

/**
 * The headers of a call, with new tokens.
 * @param {string} [bad] the name of invalid credentials
 * @returns {Promise<Record<string, string>>}
 */
export const newHeaders = (bad) =>
  getJson(`/fabric/headers${bad === undefined ? '' : `?${new URLSearchParams({ bad })}`}`)

/** The headers are reused, as Fabric reuses its tokens. @type {Promise<Record<string, string>> | undefined} */
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

/**
 * Calls with valid tokens. If they are refused, calls once more with new ones: the server's keys change at each
 * start, and tokens expire after an hour.
 * @param {Request} request
 */
export async function callAsFabric (request) {
  const answer = await call(request, keptHeaders)
  if (answer?.status !== 401) return answer
  kept = undefined
  return await call(request, keptHeaders)
}

/** Milliseconds. */
const TIMEOUT = 30_000

/**
 * @param {Request} request
 * @param {() => Promise<Record<string, string>>} headersOf
 * @returns {Promise<Answer | undefined>} undefined without a response
 */
export async function call ({ method, path, payload, activityId }, headersOf) {
  const requestId = crypto.randomUUID()
  const at = Date.now()
  try {
    const headers = {
      ...await headersOf(),
      requestid: requestId,
      ...activityId && { activityid: activityId },
      ...payload && { 'content-type': 'application/json' }
    }
    const body = payload ? JSON.stringify(payload) : null
    const response = await fetch(path, { method, headers, body, signal: AbortSignal.timeout(TIMEOUT), cache: 'no-store' })
    const text = await response.text()
    noteResponse()
    return { requestId, status: response.status, ...!response.ok && { error: JSON.parse(text) } }
  } catch (error) {
    if (error instanceof SyntaxError) throw error
    noteSilence(at)
  }
}

// Whether the workload responds.

/** The periods in which this tab got no response. @type {Array<{ from: number, to?: number }>} */
export const silences = JSON.parse(sessionStorage.getItem('silences') ?? '[]')

export const isSilent = () => silences.length > 0 && silences.at(-1)?.to === undefined

const status = element('workload', HTMLElement)

/** @param {number} at */
function noteSilence (at) {
  if (isSilent()) return
  silences.push({ from: at })
  keepSilences()
  announce('The workload does not respond.')
  showStatus('Down', `No response since ${clock(at)}`)
}

function noteResponse () {
  const last = silences.at(-1)
  if (last !== undefined && last.to === undefined) {
    last.to = Date.now()
    keepSilences()
    announce('The workload responds again.')
  }
  showStatus('Up', 'Workload responding')
}

/** Stored, so that a reload does not change the shown periods. */
function keepSilences () {
  sessionStorage.setItem('silences', JSON.stringify(silences.slice(-50)))
  dispatchEvent(new Event('silence'))
}

/** @param {'Up' | 'Down'} state @param {string} text */
function showStatus (state, text) {
  status.dataset.state = state
  status.textContent = text
}
