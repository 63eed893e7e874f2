import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { fabricJobs, subjectAndApp, toErrorResponse } from '../lib/index.js'
import { createFabric } from '../lib/testing/index.js'
import { clock } from '../lib/subject-and-app/signing-keys.js'
import { attackTable, controlTable, type RawRequest } from './attack-table.js'
import { Forge } from './helpers/forge.js'
import { contractProblems } from './helpers/poll.js'
import { type RawResponse, requestText, sendRaw } from './helpers/raw-http.js'

// Each request is sent over a separate socket, byte by byte: HTTP clients refuse to send most of them.

const forge = new Forge(createFabric())
const { fabric } = forge
const retired = { app: await fabric.appToken(), subject: await fabric.subjectToken() }
await fabric.rotateKeys()
fabric.retireKeys()
const [app, subject] = [await fabric.appToken(), await fabric.subjectToken()]
const { url: target, headers: good } = await fabric.poll({ appToken: app, subjectToken: subject })
const loot = { forge, target, good, app, subject, retired }
const attacks = await attackTable(loot)
const controls = await controlTable(loot)
const goodPoll: RawRequest = {
  name: 'a valid poll', status: 200, text: requestText(target, Object.entries(good).map((line) => line.join(': ')))
}

// The servers' clock is stopped, so that tokens with a short lifetime do not expire on a busy machine.
const now = Date.now()
const authentication = { ...forge.authentication, [clock]: () => now }

type Host = (app: FastifyInstance, resolve: (request: FastifyRequest) => void) => Promise<void>

/** The two ways to use the authentication. */
const hosts = {
  route: (async (app, resolve) => {
    await app.register(fabricJobState, {
      resolveJobState: (_job, { request }) => {
        resolve(request)
        return { status: 'InProgress' }
      },
      authentication
    })
  }) satisfies Host,
  "host's own route, whose error handler logs": (async (app, resolve) => {
    await app.register(subjectAndApp, authentication)
    app.setErrorHandler((error, request, reply) => {
      request.log.error({ err: error, req: request, res: reply }, 'failed')
      const { statusCode, body } = toErrorResponse(error)
      return reply.code(statusCode).send(body)
    })
    app.get('/workspaces/*', { onRequest: app.authenticateSubjectAndApp }, (request) => {
      resolve(request)
      return { status: 'InProgress' }
    })
  }) satisfies Host
}

/** A server that records its whole log. */
async function serve (t: Test, host: Host) {
  const log: string[] = []
  let calls = 0
  const server = Fastify({ logger: { level: 'trace', stream: { write: (line: string) => { log.push(line) } } } })
  t.teardown(() => server.close())
  await host(server, (request) => {
    calls++
    request.log.trace({ caller: request.fabricCaller, req: request }, 'called')
  })
  const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }))

  /** Sends requests, `atOnce` of them at the same time, and compares the statuses with the expected ones. */
  async function send (t: Test, requests: RawRequest[], atOnce = 1): Promise<RawResponse[]> {
    const before = calls
    const responses: RawResponse[] = []
    const mistakes: string[] = []
    const queue = requests.values()
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (const { name, status, text } of queue) {
        const response = await sendRaw(Number(port), text)
        responses.push(response)
        if (response.status !== status) mistakes.push(`${name}: ${response.status} and not ${status}`)
      }
    }))
    t.same(mistakes, [], 'each response has the expected status')
    t.equal(calls - before, requests.filter(({ status }) => status < 300).length, 'only valid requests reach the resolver')
    return responses
  }
  return { log, send }
}

t.test('the table has more than a thousand attacks, with unique names and requests', async (t) => {
  t.equal(new Set(attacks.map(({ name }) => name)).size, attacks.length, 'each name is unique')
  t.equal(new Set(attacks.map(({ text }) => text)).size, attacks.length, 'each request is unique')
  t.ok(attacks.length > 1000, `${attacks.length} attacks`)
})

t.test('no attack gets through to the route', async (t) => {
  const server = await serve(t, hosts.route)

  await t.test('no attack gets through to the route before the first call of Fabric', async (t) => {
    const answers = (await server.send(t, attacks)).filter(({ body }) => body !== '')
    for (const [status, scheme, expected] of [
      [401, 'SubjectAndAppToken1.0', { errorCode: 'AuthenticationFailed', source: 'External', isPermanent: false }],
      [403, undefined, { errorCode: 'InsufficientScope', source: 'External', isPermanent: true }]
    ] as const) {
      const refusals = answers.filter((answer) => answer.status === status)
      const alike = new Set(refusals.map(({ headers, body }) => JSON.stringify({ ...headers, date: '', body })))
      t.equal(alike.size, 1, `all ${status} responses are the same`)
      const [refusal] = refusals
      const body = JSON.parse(refusal?.body ?? '')
      t.equal(refusal?.headers['www-authenticate'], scheme)
      t.same(contractProblems('ErrorResponse', body), [])
      t.match(body, expected)
    }
  })
  await t.test('every valid call of Fabric gets through to the route', async (t) => {
    await server.send(t, controls)
  })
  await t.test('no attack gets through to the route after a valid call with the same tokens', async (t) => {
    await server.send(t, attacks.flatMap((attack) => [goodPoll, attack]))
  })
  logHasNoToken(t, server.log)
})

for (const [name, host] of Object.entries(hosts)) {
  t.test(`no attack gets through to the ${name} among valid calls, 200 requests at the same time`, async (t) => {
    const server = await serve(t, host)
    await server.send(t, attacks.flatMap((attack, i) => [attack, controls[i % controls.length] ?? goodPoll]), 200)
    logHasNoToken(t, server.log)
  })
}

t.test('at level trace the log contains the identifiers of refusals and failures, and no part of a token', async (t) => {
  const partition = 'j3f168501ed9816b51a9f5765e0742e1eb034ab6bf72c9ae3f3a975e3'
  const lines: string[] = []
  const server = Fastify({ logger: { level: 'trace', stream: { write: (line: string) => { lines.push(line) } } }, routerOptions: { maxParamLength: 256 } })
  t.teardown(() => server.close())
  const [beginning, end] = [app.slice(0, 700), app.slice(700)]
  await server.register(fabricJobState, {
    resolveJobState: () => { throw new Error(`relation "pgboss.${partition}" of Contoso.SurveyJobs, ${beginning}(${end}`) },
    authentication
  })
  const job = { itemType: 'Contoso.SurveyJobs', jobType: 'Contoso.SurveyJobs.Run' }
  const claims = { aud: 'api://contoso.example/Contoso.SurveyJobs/2' }
  for (const [status, changes] of [
    [500, {}],
    [401, { appToken: { claims } }],
    [401, { appToken: { claims: { aud: end } } }],
    [401, { appToken: { header: { kid: end } } }],
    [403, { subjectToken: { claims: { scp: 'Contoso.SurveyJobs.Read.All' } } }]
  ] as const) {
    const poll = await fabric.poll({ job, ...changes })
    const { statusCode } = await server.inject({ ...poll, headers: { ...poll.headers, activityid: 'SurveyJobs-1', requestid: end } })
    t.equal(statusCode, status)
  }
  const log = lines.join('')
  for (const identifier of [partition, 'of Contoso.SurveyJobs, ', claims.aud, 'Contoso.SurveyJobs.Run', 'Contoso.SurveyJobs.Read.All', 'SurveyJobs-1']) {
    t.ok(log.includes(identifier), identifier)
  }
  t.notMatch(log, /(?<![\w-])eyJ[\w-]{10}/)
  t.same([...new Set(log.match(/[\w-]{40,}/g))].filter((letters) => app.includes(letters)), [])
})

const toolkitOperations = ['onCreateJobInstance', 'onGetJobInstanceStatus', 'onCancelJobInstance'] as const

for (const operation of toolkitOperations) {
  t.test(`no attack gets through to ${operation} of the Extensibility Toolkit among valid calls, 200 requests at the same time`, async (t) => {
    const server = await serve(t, toolkitHost(operation))
    const poll = await fabric.poll()
    const { url, payload } = await fabric.toolkitRequest(operation)
    const body = JSON.stringify(payload)
    const inToolkit = ({ name, status, text }: RawRequest): RawRequest => ({
      name,
      status: status === 200 && operation === 'onCreateJobInstance' ? 201 : status,
      text: text
        .replace(/^GET /, 'POST ')
        .replaceAll(suffixOf(poll.url), suffixOf(url))
        .replaceAll(suffixOf(poll.url).replaceAll('-', ''), suffixOf(url))
        .replace(/Connection: close\r\n\r\n$/, `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
    })
    // A POST route has no HEAD.
    const [bad, fine] = [attacks.filter(({ text }) => !text.startsWith('HEAD ')).map(inToolkit), controls.map(inToolkit)]
    t.equal(bad.length, attacks.length - 1)
    await server.send(t, fine)
    await server.send(t, bad.flatMap((attack, i) => [attack, fine[i % fine.length] ?? attack]), 200)
    logHasNoToken(t, server.log)
  })
}

/** The part of a path that names the job or the operation. */
function suffixOf (path: string): string {
  return path.slice(path.search(/\/job(?:Types|s)\//))
}

/** The toolkit's routes; the calls of one of them are counted. */
function toolkitHost (operation: typeof toolkitOperations[number]): Host {
  return async (app, resolve) => {
    const called = (name: typeof operation, request: FastifyRequest) => {
      if (name === operation) resolve(request)
      return { status: 'InProgress' } as const
    }
    await app.register(fabricJobs, {
      createJobInstance: (_job, _request, { request }) => { called('onCreateJobInstance', request) },
      resolveJobState: (_job, { request }) => called('onGetJobInstanceStatus', request),
      cancelJobInstance: (_job, { request }) => called('onCancelJobInstance', request),
      authentication,
      api: 'extensibility-toolkit'
    })
  }
}

function logHasNoToken (t: Test, lines: string[]): void {
  const log = lines.join('')
  const sent = attacks.map(({ text }) => text).join('')
  t.ok(log.includes('SubjectAndApp authentication refused'), 'the refusals are logged')
  t.same(lines.filter((line) => line.includes('eyJ')), [], 'the log contains no beginning of a token')
  t.same([...new Set(log.match(/[\w-]{40,}/g))].filter((letters) => sent.includes(letters)), [], 'the log contains no other part of a token')
}
