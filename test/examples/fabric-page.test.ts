import Fastify, { type FastifyInstance } from 'fastify'
import { createFabric } from 'fastify-fabric-job-state/testing'
import t, { type Test } from 'tap'

import { commandsToCopy } from '../../examples/workload/commands.js'
import { fabricPage, type FabricPageOptions } from '../../examples/workload/fabric-page.js'

const PATHS = ['/', '/page/page.css', '/page/page.js', '/page/icon.svg', '/fabric', '/fabric/headers']
const PRIVATE_PATHS = [...PATHS, '/fabric/jobs', '/fabric/calls/1']

async function workload (t: Test, options: Partial<FabricPageOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fabricPage, { fabric: createFabric(), api: '/workload-api', host: '127.0.0.1', ...options })
  return app
}

t.test('serves the page and the headers of a call to this machine', async (t) => {
  for (const host of ['127.0.0.1:3000', 'localhost:3000', '[::1]:3000']) {
    const app = await workload(t)
    for (const url of PATHS) {
      t.equal((await app.inject({ url, headers: { host } })).statusCode, 200, `${url} at ${host}`)
    }
  }
})

t.test('serves them, and the recorded jobs, to no other machine', async (t) => {
  const app = await workload(t)
  for (const headers of [
    { host: 'contoso.example:3000' },
    { host: '127.0.0.1.contoso.example' },
    { host: '192.0.2.1:3000' },
    { host: '127.0.0.1:3000', 'x-forwarded-for': '192.0.2.1' },
    { host: '127.0.0.1:3000', forwarded: 'for=192.0.2.1' }
  ]) {
    for (const url of PRIVATE_PATHS) {
      const { statusCode, body } = await app.inject({ url, headers })
      t.equal(statusCode, 403, `${url} for ${JSON.stringify(headers)}`)
      t.equal(body, 'This page is only served to the machine it runs on.')
    }
  }
})

t.test('serves no page where other machines can reach the server, or where Entra ID issues the tokens', async (t) => {
  const hosts = ['0.0.0.0', '::', '192.0.2.1', 'contoso.example', '127.contoso.example']
  for (const options of [...hosts.map((host) => ({ host })), { fabric: undefined }]) {
    const app = await workload(t, options)
    for (const url of PRIVATE_PATHS) t.equal((await app.inject(url)).statusCode, 404, `${url} with ${Object.entries(options)}`)
  }
})

t.test('prints the URL of the page, or why only Fabric can call', (t) => {
  const running = { url: 'http://127.0.0.1:1/workload-api', store: 'PostgreSQL' }
  t.match(commandsToCopy({ ...running, headersFile: 'file', page: 'http://127.0.0.1:1/' }),
    /^Fabric simulator: http:\/\/127\.0\.0\.1:1\/\n/)
  t.match(commandsToCopy({ ...running, headersFile: 'file' }), /^Workload API: /)
  t.match(commandsToCopy({ ...running, headersFile: undefined }), 'Only Microsoft Fabric can call it')
  t.end()
})

t.test('sends security headers that allow the page its own files only', async (t) => {
  const { headers } = await (await workload(t)).inject('/')
  t.match(headers, {
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store'
  })
  const policy = String(headers['content-security-policy']).split('; ')
  for (const directive of ["default-src 'none'", "script-src 'self'", "form-action 'none'", "frame-ancestors 'none'"]) {
    t.ok(policy.includes(directive), directive)
  }
  t.notMatch(policy.join(), /unsafe|\*|https?:/)
})

t.test('hands out valid headers, or invalid ones by name', async (t) => {
  const app = await workload(t)
  const { sampleJob, badHeaders } = (await app.inject('/fabric')).json()
  t.match(sampleJob, /^\/workload-api\/workspaces\/[\w-]{36}\/items\//)
  const names = (await createFabric().badHeaders()).map(({ name }) => name)
  t.strictSame(badHeaders, names)

  const headersOf = async (query: Record<string, string>) =>
    (await app.inject({ url: '/fabric/headers', query })).json()
  t.match(await headersOf({}), { authorization: /^SubjectAndAppToken1\.0 subjectToken="eyJ/ })
  t.strictSame((await headersOf({ bad: 'the Authorization header is empty' })).authorization, '')
  t.equal((await app.inject({ url: '/fabric/headers', query: { bad: 'nothing' } })).statusCode, 404)
})
