import { existsSync } from 'node:fs'

import t from 'tap'

import { fabricOrDevelopment } from '../../examples/workload/authentication.js'

const authentication = {
  publisherTenantId: '1c9f6a3e-58d4-4b07-9a2e-6f0d7b815c42',
  audience: 'api://contoso.example/a',
  clientId: '7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c'
}

t.test('With an app registration, Entra ID issues the tokens, and there is no file of headers', async (t) => {
  t.match(await fabricOrDevelopment({ authentication, dataDir: t.testdir() }), { authentication, fabric: undefined, headersFile: undefined })
})

t.test('Without an app registration, a simulated Fabric writes the headers of a call into a file', async (t) => {
  const { fabric, headersFile = '', closeIssuer } = await fabricOrDevelopment({ authentication: undefined, dataDir: t.testdir() })
  t.ok(fabric)
  t.equal(existsSync(headersFile), true)
  await closeIssuer()
})
