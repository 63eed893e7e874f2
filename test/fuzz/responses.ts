/** A response as it came over the socket; header names in lower case. */
export interface Response {
  status: number
  headers: Record<string, string>
  body: string
  /** Whether it is what Fastify writes for bytes that Node could not parse. */
  isParsers: boolean
}

/** The exact text that Fastify's clientErrorHandler writes to the socket. */
const parsersAnswers = ([[400, 'Bad Request', 'Client Error'], [431, 'Request Header Fields Too Large', 'Exceeded maximum allowed HTTP header size']] as const)
  .map(([status, phrase, message]) => {
    const body = JSON.stringify({ error: phrase, message, statusCode: status })
    const headers = { 'content-length': String(body.length), 'content-type': 'application/json' }
    const text = `HTTP/1.1 ${status} ${phrase}\r\nContent-Length: ${body.length}\r\nContent-Type: application/json\r\n\r\n${body}`
    return { text, response: { status, headers, body, isParsers: true } }
  })

/** Reads the responses of one connection as its bytes come in. */
export class ResponseReader {
  readonly responses: Response[] = []
  /** How many 100s came between them. */
  continues = 0
  readonly #isHead: readonly boolean[]
  #text = ''

  /** @param isHead of each request of the connection: the response to a HEAD has no body. */
  constructor (isHead: readonly boolean[]) {
    this.#isHead = isHead
  }

  /** The received text after the last complete response. */
  get rest (): string {
    return this.#text
  }

  push (chunk: Buffer): void {
    this.#text += chunk.toString('latin1')
    while (this.#take());
  }

  /** Takes a response from the beginning of the text, if it is all there. */
  #take (): boolean {
    const parsers = parsersAnswers.find(({ text }) => this.#text.startsWith(text))
    if (parsers !== undefined) return this.#took(parsers.response, parsers.text.length)

    const headEnd = this.#text.indexOf('\r\n\r\n')
    if (headEnd === -1) return false
    const { status, headers } = parseHead(this.#text.slice(0, headEnd))
    const bodyBegin = headEnd + 4
    if (status === 100) {
      this.continues++
      this.#text = this.#text.slice(bodyBegin)
      return true
    }
    const isHead = this.#isHead[this.responses.length] === true
    const body = isHead ? { text: '', end: bodyBegin } : this.#body(bodyBegin, headers)
    if (body === undefined) return false
    const text = Buffer.from(body.text, 'latin1').toString()
    return this.#took({ status, headers, body: text, isParsers: false }, body.end)
  }

  #took (response: Response, end: number): true {
    this.responses.push(response)
    this.#text = this.#text.slice(end)
    return true
  }

  #body (begin: number, headers: Record<string, string>): { text: string, end: number } | undefined {
    if (headers['transfer-encoding'] === 'chunked') {
      const empty = this.#text.startsWith('0\r\n\r\n', begin)
      return empty ? { text: '', end: begin + 5 } : undefined
    }
    const end = begin + Number(headers['content-length'] ?? 0)
    return this.#text.length < end ? undefined : { text: this.#text.slice(begin, end), end }
  }
}

function parseHead (head: string): Pick<Response, 'status' | 'headers'> {
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  }))
  return { status: /^HTTP\/1\.1 \d{3} /.test(statusLine) ? Number(statusLine.slice(9, 12)) : NaN, headers }
}
