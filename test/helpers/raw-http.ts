import { once } from 'node:events'
import { connect } from 'node:net'

/** A response as received over the socket; header names in lower case. */
export interface RawResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/** The text of a request with exactly these header lines. */
export function requestText (target: string, lines: string[], method = 'GET'): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: localhost', ...lines, 'Connection: close', '', ''].join('\r\n')
}

/** Sends the exact bytes of a request over a new socket, one byte for each character. */
export async function sendRaw (port: number, text: string): Promise<RawResponse> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(text, 'latin1')
  await once(socket, 'end')
  socket.destroy()
  return parse(Buffer.concat(chunks).toString())
}

function parse (text: string): RawResponse {
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
  }))
  return { status: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4) }
}
