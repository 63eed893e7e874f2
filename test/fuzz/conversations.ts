import { connect, type Socket } from 'node:net'

import type { HeaderPool } from './headers.js'
import type { Host } from './hosts.js'
import { Random } from './random.js'
import { type FuzzRequest, makeRequest } from './requests.js'
import { ResponseReader } from './responses.js'

/** How a client ends its connection. */
export type Ending = 'reads all' | 'half-closes' | 'leaves at once' | 'resets at once' | 'leaves when the resolver is asked' | 'leaves at the first byte'

/** One connection: pipelined requests, how they are sent, and how it ends. */
export interface Conversation {
  number: number
  host: Host
  requests: FuzzRequest[]
  /** How many of the bytes are sent; fewer than all if the last request is cut. */
  sentBytes: number
  isCut: boolean
  /** The client pauses after this number of bytes. */
  pauses: number[]
  ending: Ending
}

/** Makes the conversation with this number; the same seed makes the same conversation. */
export async function makeConversation (seed: number, number: number, hosts: readonly Host[], pool: HeaderPool): Promise<Conversation> {
  const random = new Random(seed, number)
  const host = random.pick(hosts)
  const amount = random.percent(40) ? 1 : random.between(2, 8)
  const requests: FuzzRequest[] = []
  for (let i = 0; i < amount && requests.at(-1)?.isLast !== true; i++) {
    requests.push(await makeRequest(random, pool, host, `${number}.${i}`, i === amount - 1))
  }
  const length = textOf(requests).length
  const isCut = random.percent(4)
  const lastLength = requests.at(-1)?.text.length ?? 0
  return {
    number,
    host,
    requests,
    isCut,
    sentBytes: isCut ? length - random.between(1, lastLength) : length,
    pauses: random.percent(70) ? [] : Array.from({ length: random.between(1, 4) }, () => random.below(length)).sort((a, b) => a - b),
    ending: pickEnding(random, isCut)
  }
}

function pickEnding (random: Random, isCut: boolean): Ending {
  const early = ['half-closes', 'leaves at once', 'resets at once'] as const
  if (isCut) return random.pick(early)
  return random.percent(88)
    ? 'reads all'
    : random.pick([...early, 'leaves when the resolver is asked', 'leaves when the resolver is asked', 'leaves at the first byte'])
}

function textOf (requests: readonly FuzzRequest[]): string {
  return requests.map(({ text }) => text).join('')
}

/** Notifies a client that the resolver was called for one of its requests. */
export interface AskedRequests {
  set: (id: string, onAsked: () => void) => unknown
  delete: (id: string) => unknown
}

/** Longer than any response takes, in milliseconds. */
const PATIENCE = 10_000

/** Sends a conversation, and returns the responses and whether the client timed out. */
export async function hold (conversation: Conversation, asked: AskedRequests): Promise<{ reader: ResponseReader, gaveUp: boolean }> {
  const { host, requests, ending } = conversation
  const reader = new ResponseReader(requests.map(({ isHead }) => isHead))
  const { port } = new URL(host.app.listeningOrigin)
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
  // A connection that the server closed is judged by the responses until then.
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  let gaveUp = false
  const patience = setTimeout(() => {
    gaveUp = true
    socket.destroy()
  }, PATIENCE)

  // Only after everything was sent: a response may come before the end of its request's body.
  let isSent = false
  const endIfAllRead = () => {
    if (ending === 'reads all' && isSent && reader.responses.length >= requests.length) socket.end()
  }
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk)
    if (ending === 'leaves at the first byte' || ending === 'leaves when the resolver is asked') socket.destroy()
    endIfAllRead()
  })
  for (const { id } of requests) {
    asked.set(id, () => { if (ending === 'leaves when the resolver is asked') socket.destroy() })
  }
  await send(socket, conversation)
  isSent = true
  endIfAllRead()
  if (ending === 'half-closes') socket.end()
  if (ending === 'leaves at once') socket.destroy()
  if (ending === 'resets at once') socket.resetAndDestroy()
  await closed
  clearTimeout(patience)
  for (const { id } of requests) asked.delete(id)
  return { reader, gaveUp }
}

async function send (socket: Socket, { requests, sentBytes, pauses }: Conversation): Promise<void> {
  const bytes = Buffer.from(textOf(requests), 'latin1').subarray(0, sentBytes)
  let begin = 0
  for (const end of [...pauses.filter((place) => place < sentBytes), sentBytes]) {
    const piece = bytes.subarray(begin, end)
    begin = end
    if (piece.length === 0 || !socket.writable) continue
    await new Promise((resolve) => socket.write(piece, resolve))
    await new Promise(setImmediate)
  }
}
