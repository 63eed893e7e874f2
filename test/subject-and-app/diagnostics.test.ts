import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import Fastify from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, {
  diagnostics, type DiagnosticsChannel, type KeyFetchMessage, type RefusalMessage, type TokenLookupMessage
} from '../../lib/index.js'
import { REASONS } from '../../lib/subject-and-app/refusal.js'
import { SigningKeys } from '../../lib/subject-and-app/signing-keys.js'
import { createFabric } from '../../lib/testing/index.js'

const CLAIMS = ['ver', 'tid', 'iss', 'aud', 'appid', 'azp', 'oid', 'nbf', 'exp', 'idtyp', 'scp']

/** The messages of a channel during a test. */
function record<Message> (t: Test, channel: DiagnosticsChannel<Message>): Message[] {
  const messages: Message[] = []
  const subscriber = (message: Message) => { messages.push(message) }
  channel.subscribe(subscriber)
  t.teardown(() => channel.unsubscribe(subscriber))
  return messages
}

function serve (t: Test) {
  const fabric = createFabric()
  const log: Array<Record<string, unknown>> = []
  const app = Fastify({ logger: { stream: { write: (line) => { log.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  app.register(fabricJobState, { authentication: fabric.authentication, resolveJobState: () => ({ status: 'NotStarted' }) })
  return { app, fabric, refusalsInLog: () => log.filter(({ msg }) => msg === 'SubjectAndApp authentication refused') }
}

t.test('each refused request publishes the code, the token and the claim of its log line, and nothing that was sent', async (t) => {
  const { app, fabric, refusalsInLog } = serve(t)
  const published = record<RefusalMessage>(t, diagnostics.refusal)
  const poll = await fabric.poll()
  const bad = await fabric.badHeaders()
  for (const { headers } of bad) await app.inject({ ...poll, headers })
  t.equal(published.length, bad.length)
  t.strictSame(published, refusalsInLog().map(({ code, token, claim }) => ({ code, token, claim })))
  t.strictSame(published.filter(({ code }) => !Object.hasOwn(REASONS, code)), [])
  t.strictSame(published.filter(({ claim }) => claim !== undefined && !CLAIMS.includes(claim)), [])
  t.strictSame(refusalsInLog().map(({ reason }) => reason), published.map(({ code }) => REASONS[code]))
  t.strictSame([...new Set(published.map(({ token }) => token))].sort(), ['app', 'subject', undefined])
})

t.test('an accepted request publishes no refusal', async (t) => {
  const { app, fabric } = serve(t)
  const published = record(t, diagnostics.refusal)
  t.equal((await app.inject(await fabric.poll())).statusCode, 200)
  t.strictSame(published, [])
})

t.test('each token of a request publishes whether it was found in memory', async (t) => {
  const { app, fabric } = serve(t)
  const published = record<TokenLookupMessage>(t, diagnostics.tokenLookup)
  const lookups = async (headers: Record<string, string>) => {
    await app.inject({ ...await fabric.poll(), headers })
    return published.splice(0)
  }
  const appToken = await fabric.appToken()
  const seen = await fabric.headers({ appToken })
  t.strictSame(await lookups(seen), [{ token: 'app', found: false }, { token: 'subject', found: false }])
  t.strictSame(await lookups(seen), [{ token: 'app', found: true }, { token: 'subject', found: true }])
  t.strictSame(await lookups(await fabric.headers({ appToken, subjectToken: '' })), [{ token: 'app', found: true }])
  t.strictSame(await lookups({}), [])
})

t.test('each fetch of the signing keys publishes its outcome, the HTTP status, its duration and the number of keys', async (t) => {
  const published = record<KeyFetchMessage>(t, diagnostics.keyFetch)
  const keySet = JSON.stringify(await createFabric().jwks())
  const { length: keys } = JSON.parse(keySet).keys
  let answer: RequestListener = (_, response) => response.end(keySet)
  const server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  const signingKeys = new SigningKeys({ jwksUri, log: { warn () {} } })
  t.teardown(() => signingKeys.close())

  const cases: Array<[RequestListener, Partial<KeyFetchMessage>]> = [
    [(_, response) => response.writeHead(503).end(), { ok: false, status: 503, keys: 0 }],
    [answer, { ok: true, status: 200, keys }],
    [(_, response) => response.end('no JSON'), { ok: false, status: 200, keys }],
    [(_, response) => response.end('{"keys":[]}'), { ok: false, status: 200, keys }],
    [(_, response) => response.destroy(), { ok: false, status: undefined, keys }]
  ]
  for (const [listener, expected] of cases) {
    answer = listener
    const begin = performance.now()
    await signingKeys.refresh()
    const [message, ...others] = published.splice(0)
    t.match(message, { ...expected, jwksUri, duration: Number })
    t.ok(Number(message?.duration) > 0 && Number(message?.duration) <= performance.now() - begin)
    t.strictSame(others, [])
  }
})

t.test('a fetch of the signing keys that is aborted because the server closes is not published', async (t) => {
  const published = record(t, diagnostics.keyFetch)
  const signingKeys = new SigningKeys({
    jwksUri: 'http://127.0.0.1/keys',
    log: { warn () {} },
    fetch: async (_, { signal }) => {
      signingKeys.close()
      signal.throwIfAborted()
      return Response.error()
    }
  })
  await signingKeys.refresh()
  t.strictSame(published, [])
})

t.test('docs/monitoring.md lists the channels, and each code with the reason that the log has', (t) => {
  const page = readFileSync('docs/monitoring.md', 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z]\w+)` \| `([^`]+)` \|/gm)].map(([, code, reason]) => [code, reason])
  t.strictSame(rows, Object.entries(REASONS))
  const channels = [...page.matchAll(/^\| `(fastify-fabric-job-state:[\w-]+)`/gm)].map(([, name]) => name)
  t.strictSame(channels, Object.values(diagnostics).map(({ name }) => name))
  t.end()
})
