import type { FetchImplementation } from 'jose'

const MAX_BYTES = 1_000_000

/**
 * Requests a JWK set.
 *
 * @param fetch `globalThis.fetch`, or a test's own.
 * @param signal bounds the time of the request and of reading the response.
 * @throws the error of `fetch`.
 */
export function requestKeys (fetch: FetchImplementation, jwksUri: string, signal: AbortSignal): Promise<Response> {
  const headers = new Headers({ accept: 'application/json, application/jwk-set+json' })
  return fetch(jwksUri, { method: 'GET', headers, redirect: 'manual', signal })
}

/**
 * Reads the members of a JWK set, without checking them.
 *
 * @throws Error that says what the key endpoint answered.
 */
export async function readKeys (response: Response, jwksUri: string): Promise<unknown[]> {
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`The key endpoint answered ${response.status}${redirection(response, jwksUri)}, not 200`)
  }
  const { keys } = Object(parse(await readBounded(response)))
  if (!Array.isArray(keys)) throw new Error('The answer of the key endpoint is not a JWK set')
  return keys
}

/** Where a redirect points to: the host alone, because its path and query may have secrets in them. */
function redirection ({ headers }: Response, jwksUri: string): string {
  const location = headers.get('location')
  if (location === null) return ''
  return URL.canParse(location, jwksUri) ? ` with a redirect to ${new URL(location, jwksUri).host}` : ' with a redirect'
}

function parse (json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // The error of JSON.parse quotes the text.
    throw new Error('The answer of the key endpoint is not JSON')
  }
}

/** Reads the body here, so that an endless one cannot fill the memory. */
async function readBounded (response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength
    // Leaving the loop cancels the body, and with it the connection.
    if (length > MAX_BYTES) throw new Error(`The JWK set is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
