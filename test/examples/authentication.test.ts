import t, { type Test } from 'tap'

import { fabricOrDevelopment } from '../../examples/workload/authentication.js'

const ids = {
  FABRIC_PUBLISHER_TENANT_ID: '1c9f6a3e-58d4-4b07-9a2e-6f0d7b815c42',
  FABRIC_AUDIENCE: 'api://contoso.example/a 7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c',
  FABRIC_CLIENT_ID: '7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c'
}

async function authenticationOf (t: Test, env: NodeJS.ProcessEnv) {
  t.intercept(process, 'env', { value: env })
  const { authentication, closeIssuer } = await fabricOrDevelopment(t.testdir())
  await closeIssuer()
  return authentication
}

t.test('the example server takes the options of the authentication from its environment', async (t) => {
  const env = { ...ids, ENTRA_AUTHORITY: 'https://a.example', ENTRA_ISSUER_V1: 'https://b.example', ENTRA_JWKS_URI: 'https://c.example/keys' }
  t.strictSame(await authenticationOf(t, env), {
    publisherTenantId: ids.FABRIC_PUBLISHER_TENANT_ID,
    audience: ['api://contoso.example/a', ids.FABRIC_CLIENT_ID],
    clientId: ids.FABRIC_CLIENT_ID,
    authority: 'https://a.example',
    issuerV1: 'https://b.example',
    jwksUri: 'https://c.example/keys'
  })
})

t.test('the example server takes the defaults of the public cloud where a variable is absent or empty', async (t) => {
  t.match(await authenticationOf(t, { ...ids, ENTRA_AUTHORITY: '' }), { authority: undefined, issuerV1: undefined, jwksUri: undefined })
})

t.test('the example server refuses to start with one of the three ids missing', async (t) => {
  await t.rejects(authenticationOf(t, { ...ids, FABRIC_CLIENT_ID: '' }), { message: /Set all three of/ })
})
