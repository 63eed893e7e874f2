import type { JobInstance } from '../../lib/index.js'
import { deliveries, type DeliveryKind } from './deliveries.js'
import { freshHeaders, type HeaderPool, type HeaderKind, type HeaderSet, mutatedHeaders } from './headers.js'
import type { Host, Registration } from './hosts.js'
import { registrations } from './hosts.js'
import { type Outcome, outcomes } from './outcomes.js'
import type { Random } from './random.js'
import { makeTarget, type Target } from './targets.js'

/** The allowed responses to a request. */
export interface Expected {
  /** The statuses that the route may respond with; none if the request must not reach it. */
  route: readonly number[]
  /** The statuses of Fastify before any route. */
  fastify?: readonly (400 | 404 | 414)[]
  /** The response of Node without Fastify; `parser`: 400 or 431, and the connection is closed. */
  node?: 'parser' | 'no host' | 'no such expectation'
  /** Whether there may be no response. */
  maybeNone?: boolean
  /** Whether 100 Continue is sent before the response. */
  continues?: boolean
}

/** The bytes of one request and its allowed responses. */
export interface FuzzRequest {
  id: string
  /** One character for each byte. */
  text: string
  /** A description for the report. */
  parts: { registration: string, method: string, target: string, path: string, headers: string, framing: string, resolver: string }
  headersAre: HeaderKind
  isHead: boolean
  mayReachResolver: boolean
  expected: Expected
  /** Whether it is the last request of its connection. */
  isLast: boolean
}

/** Instructions to the resolver in a header of the request. */
export interface Note {
  id: string
  mayReachResolver: boolean
  delivery: DeliveryKind
  outcome: Outcome
  /** The seed of the delivery's and the outcome's random choices. */
  seed: number
  job: JobInstance | undefined
}

const NOTE = 'x-fuzz'

/** Reads the note of a request. */
export function readNote (headers: Record<string, unknown>): Note | undefined {
  const [id, may, delivery, outcome, seed, job] = String(headers[NOTE]).split(' ')
  const [deliveryKind, outcomeKind] = [deliveries[Number(delivery)], outcomes[Number(outcome)]]
  if (id === undefined || deliveryKind === undefined || outcomeKind === undefined) return undefined
  return {
    id,
    mayReachResolver: may === 'may',
    delivery: deliveryKind,
    outcome: outcomeKind,
    seed: Number(seed),
    job: job === '' || job === undefined ? undefined : JSON.parse(decodeURIComponent(job))
  }
}

function writeNote ({ id, mayReachResolver, delivery, outcome, seed, job }: Note): string {
  const parts = [
    id, mayReachResolver ? 'may' : 'must-not', deliveries.indexOf(delivery), outcomes.indexOf(outcome), seed,
    job === undefined ? '' : encodeURIComponent(JSON.stringify(job))
  ]
  return `${NOTE}: ${parts.join(' ')}`
}

/** The format of a request and its effect on the response. */
interface Framing {
  name: string
  write: (parts: { method: string, path: string, lines: readonly string[], smuggled: string, random: Random }) => string
  expected?: Omit<Expected, 'route'>
  isLast?: boolean
  /** Whether Node does not pass such a request to Fastify. */
  isNodes?: boolean
}

interface Lines { start?: string, host?: string[], lines?: readonly string[], extra?: string[], end?: string }

/** A framing of a start line, a Host line, the other lines and what comes after them. */
function framing (name: string, differ: (parts: Parameters<Framing['write']>[0]) => Lines, rest: Partial<Framing> = {}): Framing {
  return {
    name,
    ...rest,
    write: (parts) => {
      const { method, path } = parts
      const {
        start = `${method} ${path} HTTP/1.1`, host = ['Host: localhost'], lines = parts.lines, extra = [], end = ''
      } = differ(parts)
      return [start, ...host, ...lines, ...extra, '', end].join('\r\n')
    }
  }
}

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const byParser = { expected: { node: 'parser' }, isLast: true, isNodes: true } as const

const plain = framing('plain', () => ({}))

/** Valid but unusual requests. */
const regular: readonly Framing[] = [
  framing('with a body that is a request', ({ smuggled }) =>
    ({ extra: [`Content-Length: ${smuggled.length}`, 'Content-Type: application/json'], end: smuggled })),
  framing('with a body in chunks', ({ smuggled }) =>
    ({ extra: ['Transfer-Encoding: chunked'], end: chunk(smuggled.slice(0, 9)) + chunk(smuggled.slice(9)) + '0\r\n\r\n' })),
  framing('with a body in chunks with extensions and trailers', ({ smuggled }) => ({
    extra: ['Transfer-Encoding: chunked', 'Trailer: x'],
    end: chunk(smuggled).replace('\r\n', ';a=b\r\n') + '0\r\nAuthorization: x\r\nX: y\r\n\r\n'
  })),
  framing('with an empty body', () => ({ extra: ['Content-Length: 0'] })),
  framing('with 300 more headers', () => ({ extra: Array.from({ length: 300 }, (_, i) => `X-${i}: ${i}`) })),
  framing('with headers repeated', () => ({ extra: ['X: 1', 'X: 2', 'ActivityId: a', 'ActivityId: b', 'RequestId: eyJhbGciOiJub25lIn0.e30.x', 'Accept: */*', 'Accept: a/b'] })),
  framing('with an ActivityId of many bytes', () => ({ extra: [`ActivityId: ${'\xe4 '.repeat(1000)}`, `RequestId: ${'%0a'.repeat(1000)}`] })),
  framing('after an empty line', ({ method, path }) => ({ start: `\r\n${method} ${path} HTTP/1.1` })),
  framing('with an absolute target', ({ method, path }) => ({ start: `${method} http://localhost${path.replace(/#.*/, '')} HTTP/1.1` })),
  framing('with an Accept of another type', () => ({ extra: ['Accept: text/html', 'Accept-Encoding: gzip', 'Accept-Version: 7', 'Range: bytes=0-1', 'If-None-Match: *'] })),
  framing('with 100-continue', () => ({ extra: ['Expect: 100-continue'] }), { expected: { continues: true } }),
  framing('with another expectation', () => ({ extra: ['Expect: the-impossible'] }),
    { expected: { node: 'no such expectation' }, isNodes: true })
]

/** Requests that end their connection. */
const last: readonly Framing[] = [
  framing('closing', () => ({ extra: ['Connection: close'] }), { isLast: true }),
  framing('HTTP/1.0', ({ method, path }) => ({ start: `${method} ${path} HTTP/1.0`, host: [] }), { isLast: true }),
  // Node responds without an upgrade, but does not parse the bytes after it as HTTP.
  framing('to be upgraded to a WebSocket', () =>
    ({ extra: ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='] }), { isLast: true }),
  framing('to be upgraded to HTTP/2', () =>
    ({ extra: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'] }), { isLast: true }),
  framing('with a body shorter than its length', () => ({ extra: ['Content-Length: 100'], end: 'x' }), { isLast: true, expected: { maybeNone: true, node: 'parser' } }),
  framing('with a chunk shorter than its size', () => ({ extra: ['Transfer-Encoding: chunked'], end: 'ff\r\nx' }), { isLast: true, expected: { maybeNone: true, node: 'parser' } }),
  framing('with chunks without a size', () => ({ extra: ['Transfer-Encoding: chunked'], end: 'zz\r\nx\r\n0\r\n\r\n' }), { isLast: true, expected: { maybeNone: true, node: 'parser' } }),
  framing('with a chunk longer than its size', () => ({ extra: ['Transfer-Encoding: chunked'], end: '1\r\nxxxx\r\n0\r\n\r\n' }), { isLast: true, expected: { maybeNone: true, node: 'parser' } }),
  framing('with a chunk of endless size', () => ({ extra: ['Transfer-Encoding: chunked'], end: `${'f'.repeat(17)}\r\nx` }), { isLast: true, expected: { maybeNone: true, node: 'parser' } }),
  framing('without Host', () => ({ host: [] }), { isLast: true, isNodes: true, expected: { node: 'no host' } }),
  framing('with a length and chunks', ({ smuggled }) =>
    ({ extra: ['Content-Length: 4', 'Transfer-Encoding: chunked'], end: `0\r\n\r\n${smuggled}` }), byParser),
  framing('with two lengths', ({ smuggled }) => ({ extra: ['Content-Length: 0', `Content-Length: ${smuggled.length}`], end: smuggled }), byParser),
  framing('with an invalid length', ({ random }) => ({ extra: [`Content-Length: ${random.pick(['-1', '0x1', '1e1', '9'.repeat(30), '1,1'])}`] }), byParser),
  framing('with an encoding after chunked', () => ({ extra: ['Transfer-Encoding: chunked, identity'], end: '0\r\n\r\n' }), byParser),
  framing('with more headers than fit', ({ random }) => ({ extra: [`X: ${'x'.repeat(random.between(16_384, 40_000))}`] }), byParser),
  framing('with more header lines than fit', () => ({ extra: Array.from({ length: 3_000 }, (_, i) => `X-${i}: ${i}`) }), byParser),
  framing('with a target that does not fit', ({ method, path }) => ({ start: `${method} ${path}${'/x'.repeat(10_000)} HTTP/1.1` }), byParser),
  framing('of another HTTP version', ({ method, path, random }) => ({ start: `${method} ${path} ${random.pick(['HTTP/3.7', 'HTTP/11', 'HTP/1.1', 'ICE/1.0'])}` }), byParser),
  framing('with an invalid method', ({ path, random }) => ({ start: `${random.pick(['get', 'FROB', 'G', '', '\0', 'GET\t', 'PRI'])} ${path} HTTP/1.1` }), byParser),
  framing('with a space in the target', ({ method, path }) => ({ start: `${method} ${path} x HTTP/1.1` }), byParser),
  framing('with an invalid header line', ({ random }) => ({ extra: [random.pick(['X', ' X: y', 'X\0: y', 'X: \0', '\x80: x', 'X: a\rb'])] }), byParser),
  framing('as TLS', () => ({ start: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' }), byParser),
  framing('as HTTP/2', () => ({ start: 'PRI * HTTP/2.0\r\n\r\nSM\r\n' }), byParser),
  // A parser may accept or refuse these; if it accepts one, it is a normal request.
  framing('with line feeds alone', ({ method, path }) => ({ start: `${method} ${path} HTTP/1.1\nX: y` }), { isLast: true, expected: { maybeNone: true, node: 'parser' } }),
  framing('of an HTTP version of another time', ({ method, path, random }) => ({ start: `${method} ${path} HTTP/${random.pick(['0.9', '2.0'])}` }),
    { isLast: true, expected: { maybeNone: true, node: 'parser' } })
]

/** Makes one request of a connection. */
export async function makeRequest (
  random: Random, pool: HeaderPool, host: Host, id: string, mayBeLast: boolean
): Promise<FuzzRequest> {
  const registration = random.pick(registrations)
  const target = makeTarget(random, registration.prefix, mayBeLast)
  const headers = await pickHeaders(random, pool, mayBeLast)
  const isMalformed = headers.status === 400 || headers.status === 431
  const method = random.percent(90) ? 'GET' : random.pick(['HEAD', 'HEAD', 'POST', 'OPTIONS', 'DELETE', 'PROPFIND'])
  const isOurs = method === 'GET' || method === 'HEAD'
  // One malformation at a time, so that the expected response is known.
  const isOdd = isMalformed || !isOurs || target.leadsTo === 'any'
  const chosen = isOdd ? plain : pickFraming(random, mayBeLast)
  const isNodes = isMalformed || chosen.isNodes === true

  const passes = letsPass(registration, headers)
  const mayReachResolver = !isNodes && isOurs && passes && (target.leadsTo === 'resolver' || target.leadsTo === 'any')
  const [delivery, outcome] = [pickDelivery(random), random.pick(outcomes)]
  const note = writeNote({ id, mayReachResolver, delivery, outcome, seed: random.below(2 ** 31), job: target.job })
  const smuggled = smuggledRequest(pool, target, { id, mayReachResolver: false, delivery, outcome, seed: 0, job: undefined })
  const text = chosen.write({ method, path: target.path, lines: [...headers.lines, note], smuggled, random })

  return {
    id,
    text,
    parts: {
      registration: `${registration.prefix || '/'} for ${registration.letsPass}`,
      method,
      target: target.name,
      path: target.path.slice(0, 400),
      headers: headers.name,
      framing: chosen.name,
      resolver: `${outcome.name}, ${delivery.name}`
    },
    headersAre: headers.kind,
    isHead: method === 'HEAD',
    mayReachResolver,
    isLast: isMalformed || target.leadsTo === 'any' || chosen.isLast === true,
    expected: isNodes
      ? { route: [], node: 'parser', ...chosen.expected }
      : { ...expectedOfServer({ host, target, isOurs, passes, status: headers.status, delivery, outcome }), ...chosen.expected }
  }
}

function pickHeaders (random: Random, pool: HeaderPool, mayBeLast: boolean): HeaderSet | Promise<HeaderSet> {
  const chance = random.below(1000)
  if (chance < 5) return freshHeaders(pool.forge.fabric, random)
  if (chance < 605) return random.pick(pool.good)
  if (chance < 900) return random.pick(pool.refused)
  if (chance < 920 && mayBeLast) return random.pick(pool.malformed)
  return mutatedHeaders(random.pick(pool.good), random)
}

function pickFraming (random: Random, mayBeLast: boolean): Framing {
  if (random.percent(mayBeLast ? 50 : 75)) return plain
  return mayBeLast && random.percent(60) ? random.pick(last) : random.pick(regular)
}

/** Slow deliveries are chosen less often, to keep the run fast. */
function pickDelivery (random: Random): DeliveryKind {
  const isPrompt = random.percent(92)
  return random.pick(deliveries.filter(({ mayBeLate }) => (mayBeLate === false) === isPrompt))
}

function letsPass ({ letsPass }: Registration, { status, hasUser }: HeaderSet): boolean {
  switch (letsPass) {
    case 'everybody': return true
    case 'users of Fabric': return status === 200 && hasUser
    case 'Fabric': return status === 200
  }
}

interface Chosen {
  host: Host, target: Target, isOurs: boolean, passes: boolean, status: number, delivery: DeliveryKind, outcome: Outcome
}

/** The expected responses of Fastify and the route to a request that Node accepts. */
function expectedOfServer ({ host, target: { leadsTo }, isOurs, passes, status, delivery, outcome }: Chosen): Expected {
  const byHost = (...statuses: (400 | 404 | 414)[]): Expected => host.isFormal
    ? { route: statuses.filter((status) => status !== 404), fastify: statuses.filter((status) => status === 404) }
    : { route: [], fastify: statuses }
  // handlerTimeout includes authentication, which waits while a resolver blocks the process.
  const limit = host.limitsHandlers ? [503] : []
  const refused = [status === 200 ? 401 : status, ...limit]
  const asked = passes ? [...resolverStatuses(delivery, outcome), ...limit] : refused
  const maybeNone = passes && delivery.cutsConnection === true

  switch (leadsTo) {
    case 'nowhere': return byHost(404)
    // The router checks the path before it looks for the route.
    case 'bad url': return isOurs ? byHost(400) : byHost(400, 404)
    case 'too long': return isOurs ? byHost(414) : byHost(404)
    case 'bad parameter': return isOurs ? { route: passes ? [400, ...limit] : refused } : byHost(404)
    case 'resolver': return isOurs ? { route: asked, maybeNone } : byHost(404)
    case 'any': {
      const { route, fastify = [] } = byHost(400, 404, 414)
      return { route: [...route, ...(isOurs ? [...asked, 400] : [])], fastify, node: 'parser', maybeNone: true }
    }
  }
}

function resolverStatuses ({ mayBeLate, statuses }: DeliveryKind, outcome: Outcome): readonly number[] {
  if (mayBeLate === 'always') return [504]
  return [...statuses ?? outcome.statuses, ...(mayBeLate ? [504] : [])]
}

/** A valid request in the body of another request. */
function smuggledRequest (pool: HeaderPool, { path }: Target, note: Note): string {
  const lines = pool.good[0]?.lines ?? []
  return [`GET ${path} HTTP/1.1`, 'Host: localhost', ...lines, writeNote(note), '', ''].join('\r\n')
}
