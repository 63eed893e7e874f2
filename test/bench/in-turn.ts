/** Makes a function that returns one request after the other, and again the first after the last. */
export function inTurn (requests: readonly Buffer[]): () => Buffer {
  let asked = 0
  return () => {
    const request = requests[asked++ % requests.length]
    if (request === undefined) throw new RangeError('There are no requests to send')
    return request
  }
}
