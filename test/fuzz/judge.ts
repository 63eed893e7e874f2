import { contractProblems } from '../helpers/poll.js'
import type { Conversation } from './conversations.js'
import type { Expected, FuzzRequest } from './requests.js'
import type { Response, ResponseReader } from './responses.js'

/** The sender of a response, for the tally, or the problem of the response. */
export type Verdict = { by: string } | { wrong: string }

/**
 * Compares the responses of a connection with the allowed ones.
 *
 * @returns a verdict for each response, and one for missing responses
 */
export function judge ({ requests, ending, isCut }: Conversation, { responses, rest, continues }: ResponseReader): Verdict[] {
  const verdicts: Verdict[] = []
  let answered = 0
  for (const response of responses) {
    if (response.isParsers) {
      verdicts.push(judgeParsers(response, requests, isCut, response === responses.at(-1)))
      continue
    }
    const request = requests[answered++]
    verdicts.push(request === undefined ? { wrong: `one answer too many: ${response.status} ${response.body}` } : judgeAnswer(response, request))
  }
  const mayLack = isCut || ending !== 'reads all' || requests.some(({ expected: { maybeNone, node } }) => maybeNone === true || node === 'parser')
  if (!mayLack && answered < requests.length) verdicts.push({ wrong: `${requests.length - answered} answers are missing` })
  if (!mayLack && rest !== '') verdicts.push({ wrong: `bytes that are no answer: ${rest}` })
  if (continues > requests.filter(({ expected }) => expected.continues).length) verdicts.push({ wrong: 'a 100 that nobody expected' })
  return verdicts
}

/** Fastify's response to bytes that Node cannot parse; after it the connection is closed. */
function judgeParsers ({ status }: Response, requests: readonly FuzzRequest[], isCut: boolean, isLast: boolean): Verdict {
  if (!isLast) return { wrong: `${status} of the parser, and then another answer` }
  if (!isCut && !requests.some(({ expected }) => expected.node === 'parser')) return { wrong: `${status} of the parser for a request in order` }
  return { by: `${status} parser` }
}

function judgeAnswer (response: Response, { expected, isHead, mayReachResolver }: FuzzRequest): Verdict {
  const { status } = response
  if (isNodes(response, expected)) return { by: `${status} Node` }
  const byFastify = expected.fastify?.some((each) => each === status) && (isHead || isFastifys(response))
  if (byFastify) return { by: `${status} Fastify` }
  if (!expected.route.includes(status)) return { wrong: `${status}, not ${expected.route.join(' or ') || expected.fastify || expected.node}: ${response.body}` }
  if (status === 200 && !mayReachResolver) return { wrong: '200 without a call of the resolver' }
  const problems = problemsOf(response, isHead)
  return problems.length === 0 ? { by: `${status} route` } : { wrong: `${status} does not conform to the contract, ${problems.join(', ')}: ${response.body}` }
}

/** The two responses of Node to requests that it does not pass to Fastify: they have no body. */
function isNodes ({ status, headers, body }: Response, { node }: Expected): boolean {
  if (body !== '' || headers['content-type'] !== undefined) return false
  return (status === 400 && node === 'no host') || (status === 417 && node === 'no such expectation')
}

const FRAMEWORK_CODES: Record<number, string> = { 400: 'FST_ERR_BAD_URL', 414: 'FST_ERR_MAX_PARAM_LENGTH' }

/** Fastify's own responses: to a missing route, a path that cannot be decoded, and a path that is too long. */
function isFastifys ({ status, body }: Response): boolean {
  const { statusCode, error, message, code, ...others } = JSON.parse(body)
  if (statusCode !== status || typeof message !== 'string' || Object.keys(others).length > 0) return false
  return status === 404 ? error === 'Not Found' && code === undefined : code === FRAMEWORK_CODES[status]
}

/** Checks a response against the contract's document, with a validator that the plugin does not use. */
function problemsOf ({ status, headers, body }: Response, isHead: boolean): string[] {
  const problems: string[] = []
  if (headers['content-type'] !== 'application/json; charset=utf-8') problems.push(`content-type: ${headers['content-type']}`)
  if (headers['cache-control'] !== 'no-store') problems.push(`cache-control: ${headers['cache-control']}`)
  if (status === 401 && headers['www-authenticate'] === undefined) problems.push('no www-authenticate')
  if (isHead) return problems
  if (headers['content-length'] !== String(Buffer.byteLength(body))) problems.push(`content-length: ${headers['content-length']}`)
  return [...problems, ...contractProblems(status === 200 ? 'ItemJobInstanceState' : 'ErrorResponse', parsed(body))]
}

function parsed (body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
