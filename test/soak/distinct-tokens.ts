// Distinct valid tokens, each seen once: how much memory they take, now and after many more of them.
//
//   npm run soak:distinct-tokens -- --tokens 1000000
//
// Each token is signed for real, in a worker; that is most of the time that it takes.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'

import Fastify from 'fastify'

import fabricJobState from '../../lib/index.js'
import type { InternalAuthenticationOptions } from '../../lib/subject-and-app/options.js'
import { jwksFetch } from '../../lib/subject-and-app/signing-keys.js'
import { createFabric } from '../../lib/testing/index.js'

const { values } = parseArgs({
  options: { tokens: { type: 'string', default: '50000' }, 'cache-size': { type: 'string', default: '10000' } }
})
const [total, tokenCacheSize] = [Number(values.tokens), Number(values['cache-size'])]
const BATCH = 1_000
assert.ok(tokenCacheSize % BATCH === 0 && total % (10 * BATCH) === 0, 'Thousands to remember, and ten thousands of tokens')
assert.ok(total >= 3 * tokenCacheSize, 'Enough tokens to fill the memory three times')

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const signer = new Worker(new URL('./signer.js', import.meta.url))
const [{ jwks, appToken }] = await once(signer, 'message')
const fabric = createFabric()
const authentication: InternalAuthenticationOptions = {
  ...fabric.authentication, tokenCacheSize, [jwksFetch]: async () => Response.json(jwks)
}
const app = Fastify()
let calls = 0
await app.register(fabricJobState, {
  resolveJobState: () => {
    calls++
    return { status: 'InProgress' }
  },
  authentication
})

const begin = performance.now()
const empty = measured(0)
let full = empty
let batch = ask()
for (let sent = 0; sent < total;) {
  const tokens = await batch
  batch = ask()
  for (const subjectToken of tokens) await app.inject(await fabric.poll({ appToken, subjectToken }))
  sent += tokens.length
  if (sent === 2 * tokenCacheSize) full = measured(sent)
  if (sent % (total / 10) === 0) measured(sent)
}
const end = measured(total)
await signer.terminate()
await app.close()

console.log(`${total} distinct tokens in ${((performance.now() - begin) / 1000).toFixed(0)} s; ${tokenCacheSize} remembered: ` +
  `${((full - empty) / tokenCacheSize / 1024).toFixed(1)} kB each; grown by ${mb(end - full)} MB since there were twice as many`)
assert.equal(calls, total)
assert.ok(end - full < 5 * 2 ** 20, 'the memory stays flat')

/** A batch of tokens, signed while the one before is being sent. */
async function ask (): Promise<string[]> {
  signer.postMessage(BATCH)
  const [tokens] = await once(signer, 'message')
  return tokens
}

/** The heap in use after a garbage collection, in bytes. */
function measured (tokens: number): number {
  collectGarbage()
  const { heapUsed, external, rss } = process.memoryUsage()
  console.log(`${String(tokens).padStart(9)} tokens  in use ${mb(heapUsed + external)} MB  resident ${mb(rss)} MB`)
  return heapUsed + external
}

function mb (bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1)
}
