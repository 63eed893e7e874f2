import assert from 'node:assert/strict'
import { parentPort } from 'node:worker_threads'

import { createFabric } from '../../lib/testing/index.js'

// A worker thread that signs: it posts its keys first, then as many subject tokens as each message asks for.

assert.ok(parentPort)
const port = parentPort
const fabric = createFabric()

port.postMessage({ jwks: await fabric.jwks(), appToken: await fabric.appToken() })
port.on('message', async (amount: number) => {
  const tokens = []
  while (tokens.length < amount) tokens.push(await fabric.subjectToken())
  port.postMessage(tokens)
})
