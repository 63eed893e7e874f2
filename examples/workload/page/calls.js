// Requests to the workload with their responses, and what the server logged about them.
import { copyOf } from './dom.js'
import { clock } from './text.js'

/** @import { CallRecord } from '../job-record.js' */

/** @param {CallRecord} call */
export const outcomeOf = ({ statusCode, outcome }) => `${statusCode} ${outcome}`.trim()

/** @param {CallRecord} call */
export function callItem (call) {
  const { root, part } = copyOf('call')
  part('time').textContent = clock(call.at)
  part('method').textContent = call.method
  part('outcome').textContent = outcomeOf(call)
  part('outcome').dataset.state = call.statusCode < 400 ? 'Answered' : 'Refused'
  part('sender').textContent = call.sentBy
  part('took').textContent = `${call.took} ms`
  part('request').textContent = call.request
  part('response').textContent = call.response
  showLog(part('log'), part('lines'), call)
  return root
}

/** @param {HTMLElement} block @param {HTMLElement} lines @param {CallRecord | undefined} call */
export function showLog (block, lines, call) {
  block.hidden = call === undefined || call.log.length === 0
  lines.textContent = call?.log.join('\n\n') ?? ''
}
