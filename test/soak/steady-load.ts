import { Agent, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'

/** The response to one poll. */
export interface Polled<Question> {
  question: Question
  /** The HTTP status, or the code of the error if there was no response. */
  outcome: number | string
  body: { status?: string, startTimeUtc?: string, errorCode?: string } | undefined
  /** Milliseconds since the load began. */
  asked: number
  answered: number
  /** Why servers that were asked before did not answer: the codes of the errors. */
  detours: Array<number | string>
}

export interface LoadOptions<Question> {
  perSecond: number
  /** Says for how long to go on. */
  while: () => boolean
  question: () => Question
  /** The URLs in the order to try: the next one only if there was no response, as a load balancer does. */
  urls: (question: Question) => string[]
  headers: Record<string, string>
  onAnswer: (polled: Polled<Question>) => void
}

/** Polls at a steady rate, whatever the answers and however long they take. */
export async function steadyLoad<Question> (options: LoadOptions<Question>): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  const begin = performance.now()
  const pending = new Set<Promise<void>>()
  for (let sent = 0; options.while(); sent++) {
    const due = sent * 1_000 / options.perSecond - (performance.now() - begin)
    if (due > 0) await setTimeout(due)
    const poll = pollOnce(options, agent, begin).finally(() => pending.delete(poll))
    pending.add(poll)
  }
  await Promise.all(pending)
  agent.destroy()
}

async function pollOnce<Question> (options: LoadOptions<Question>, agent: Agent, begin: number): Promise<void> {
  const { urls, headers, onAnswer } = options
  const question = options.question()
  const asked = performance.now() - begin
  const detours: Polled<Question>['detours'] = []
  let reply: Reply = { outcome: 'no URL', body: undefined }
  for (const url of urls(question)) {
    reply = await get(url, headers, agent)
    if (typeof reply.outcome === 'number') break
    detours.push(reply.outcome)
  }
  onAnswer({ question, ...reply, asked, answered: performance.now() - begin, detours })
}

type Reply = Pick<Polled<unknown>, 'outcome' | 'body'>

function get (url: string, headers: Record<string, string>, agent: Agent): Promise<Reply> {
  return new Promise((resolve) => {
    const sent = request(url, { agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => { text += part })
      response.on('end', () => resolve({ outcome: response.statusCode ?? 0, body: parsed(text) }))
      response.on('error', (error) => resolve({ outcome: codeOf(error), body: undefined }))
    })
    sent.on('error', (error) => resolve({ outcome: codeOf(error), body: undefined }))
    sent.end()
  })
}

function parsed (text: string): Reply['body'] {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const codeOf = (error: Error) => 'code' in error ? String(error.code) : error.message
