// What a host's code may do around authentication: throw, freeze, pollute. No request hangs, and the process goes on.
import { readdirSync, readFileSync } from 'node:fs'

import Fastify from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { subjectAndApp, toErrorResponse, WorkloadError } from '../../lib/index.js'
import type { AuthenticatedRequest } from '../../lib/subject-and-app/hook.js'
import { createFabric } from '../../lib/testing/index.js'
import { holdToContract, pollPath, sampleState } from '../helpers/poll.js'

/** A host whose log throws at a message, and whose hook gets each request before authentication. */
async function hostileHost (t: Test, { failsAt = '', tamper = () => {} }: { failsAt?: string, tamper?: (request: object) => void }) {
  const fabric = createFabric()
  const app = Fastify({
    logger: {
      level: 'trace',
      stream: { write () {} },
      hooks: {
        logMethod (args, method) {
          if (failsAt !== '' && args.includes(failsAt)) throw new RangeError('the log is full')
          method.apply(this, args)
        }
      }
    }
  })
  t.after(() => app.close())
  app.addHook('onRequest', async (request) => tamper(request))
  await app.register(subjectAndApp, fabric.authentication)
  await app.register(fabricJobState, { resolveJobState: () => sampleState, prefix: '/workload-api' })
  app.get('/other', { onRequest: app.authenticateSubjectAndApp }, async () => ({ own: true }))
  return { fabric, app }
}

for (const [what, headers] of [
  ['whose headers alone are refused', async () => ({})],
  ['whose signature is refused', async (fabric: ReturnType<typeof createFabric>) =>
    fabric.headers({ appToken: { header: { kid: 'unknown' } } })]
] as const) {
  t.test(`A log that throws at a request ${what} makes it a 500, on the plugin's route and on others of subjectAndApp`, async (t) => {
    const { app, fabric } = await hostileHost(t, { failsAt: 'SubjectAndApp authentication refused' })
    for (const url of ['/workload-api' + pollPath(), '/other']) {
      const answer = await app.inject({ url, headers: await headers(fabric) })
      t.equal(answer.statusCode, 500, url)
      if (url !== '/other') t.match(holdToContract(t, answer), { errorCode: 'InternalError' })
    }
    t.equal((await app.inject(await fabric.poll({ prefix: '/workload-api' }))).statusCode, 200, 'the next poll is served')
  })
}

for (const [what, tamper] of [
  ['frozen', (request: object) => { Object.freeze(request) }],
  ['guarded', (request: object) => {
    Object.defineProperty(request, 'fabricCaller', { get () {}, set () { throw new RangeError('not yours') } })
  }]
] as const) {
  t.test(`A request object that is ${what} is a 500, and the process goes on`, async (t) => {
    let isHostile = true
    const { app, fabric } = await hostileHost(t, { tamper: (request) => { if (isHostile) tamper(request) } })
    const poll = await fabric.poll({ prefix: '/workload-api' })
    const answer = await app.inject(poll)
    t.equal(answer.statusCode, 500)
    t.match(holdToContract(t, answer), { errorCode: 'InternalError' })
    t.equal((await app.inject({ ...poll, url: '/other' })).statusCode, 500)
    isHostile = false
    t.equal((await app.inject(poll)).statusCode, 200, 'the next poll is served')
  })
}

/** Gives each object a property for as long as something runs. */
async function polluted<T> (name: string, value: unknown, run: () => Promise<T>): Promise<T> {
  // eslint-disable-next-line no-extend-native -- what the test is about; it is undone below
  Object.defineProperty(Object.prototype, name, { value, enumerable: true, configurable: true, writable: true })
  try {
    return await run()
  } finally {
    Reflect.deleteProperty(Object.prototype, name)
  }
}

/** A host's request, as authentication sees it. */
function requestWith (headers: Record<string, string>): AuthenticatedRequest {
  return {
    raw: { headers, rawHeaders: Object.entries(headers).flat() },
    log: { info () {}, warn () {} },
    fabricCaller: undefined
  }
}

/** Tokens of which one has no such claim, and what the claim would have to be. */
const MISSING_CLAIMS: Array<[kind: 'appToken' | 'subjectToken', claim: string]> = [
  ...['ver', 'tid', 'iss', 'aud', 'nbf', 'exp', 'idtyp', 'oid', 'appid'].map((claim): ['appToken', string] => ['appToken', claim]),
  ...['ver', 'tid', 'iss', 'aud', 'nbf', 'exp', 'oid', 'appid', 'scp'].map((claim): ['subjectToken', string] => ['subjectToken', claim])
]

t.test('A claim that a token does not have is absent, whatever Object.prototype has', async (t) => {
  const fabric = createFabric()
  const app = Fastify()
  t.after(() => app.close())
  await app.register(subjectAndApp, { ...fabric.authentication, tokenCacheSize: 0 })
  await app.ready()
  await app.authenticateSubjectAndApp(requestWith(await fabric.headers()))
  for (const [kind, claim] of MISSING_CLAIMS) {
    const good = await fabric[kind]()
    const value: unknown = JSON.parse(Buffer.from(good.split('.')[1] ?? '', 'base64url').toString())[claim]
    const request = requestWith(await fabric.headers({ [kind]: { claims: { [claim]: undefined } } }))
    const outcome = await polluted(claim, value, () => app.authenticateSubjectAndApp(request).then(() => 'accepted', () => 'refused'))
    t.equal(outcome, 'refused', `${kind} without ${claim}`)
  }
})

/** All names in the code of authentication, logging and errors: whatever it reads is among them. */
const names = new Set(['lib/subject-and-app', 'lib/log', 'lib/errors'].flatMap((folder) => readdirSync(folder)
  .flatMap((file) => readFileSync(`${folder}/${file}`, 'utf8').match(/(?<![\w$])[a-z][\w$]*/gi) ?? [])))
/** Names whose values on Object.prototype break Node itself: property descriptors and promises. */
const OF_THE_LANGUAGE = ['get', 'set', 'then', 'value', 'writable', 'enumerable', 'configurable', 'constructor', 'toString', 'valueOf', '__proto__']

t.test('With any name of the code in Object.prototype no bad token is accepted, and a caller has nothing that was not signed', async (t) => {
  const fabric = createFabric()
  const app = Fastify()
  t.after(() => app.close())
  await app.register(subjectAndApp, { ...fabric.authentication, tokenCacheSize: 0 })
  await app.ready()
  const userless = await fabric.headers({ subjectToken: '' })
  await app.authenticateSubjectAndApp(requestWith(userless))
  const { headers: unsigned } = (await fabric.badHeaders()).find(({ name }) => name === 'the app token has claims that were not signed') ?? {}
  if (unsigned === undefined) throw new Error('The attack was not found')

  const accepted: string[] = []
  const inherited: string[] = []
  for (const name of [...names, 'roles', 'groups'].filter((name) => !OF_THE_LANGUAGE.includes(name) && !(name in {}))) {
    await polluted(name, 'polluted', async () => {
      await app.authenticateSubjectAndApp(requestWith(unsigned)).then(() => accepted.push(name), () => {})
      const caller = await app.authenticateSubjectAndApp(requestWith(userless)).catch(() => undefined)
      const objects: object[] = caller === undefined ? [] : [caller, caller.app, caller.app.claims]
      if (objects.some((object) => name in object && !Object.hasOwn(object, name))) inherited.push(name)
    })
  }
  t.same({ accepted, inherited }, { accepted: [], inherited: [] })
  t.ok(names.size > 300, `${names.size} names`)
})

t.test('An absent option, property of an error or header stays absent, whatever Object.prototype has', async (t) => {
  const { authentication } = createFabric()
  await polluted('authentication', false, async () => {
    await t.rejects(Promise.resolve(Fastify().register(fabricJobState, { resolveJobState: () => sampleState })), TypeError)
  })
  await polluted('jwksUri', 'http://evil.example/', async () => {
    await Fastify().register(subjectAndApp, authentication)
    t.pass('an address of keys that would be refused was not read')
  })
  const options = { statusCode: 409, errorCode: 'a', message: 'b', source: 'User' } as const
  for (const name of ['headers', 'cause', 'isPermanent', 'moreDetails']) {
    await polluted(name, { 'x-evil': 'yes' }, async () => {
      const error = new WorkloadError(options)
      t.notOk(Object.hasOwn(error, name), name)
      t.same(toErrorResponse(error).body, { errorCode: 'a', message: 'b', source: 'User' })
    })
  }
  for (const [name, value] of [['statusCode', 404], ['status', 404], ['errorCode', 'x'], ['expose', true]] as const) {
    await polluted(name, value, async () => {
      t.match(toErrorResponse(new Error('secret')), { statusCode: 500, body: { errorCode: 'InternalError', message: /internal error/ } })
    })
  }
})
