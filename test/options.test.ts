import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { type FabricJobStateOptions } from '../lib/index.js'
import { holdToContract, host, pluginOptions, pollPath, sampleState } from './helpers/poll.js'

/** Registers the plugin with options that the types do not allow. */
function registered (t: Test, options: object): FastifyInstance {
  const app = host(t)
  app.register(fabricJobState, options as FabricJobStateOptions)
  return app
}

const refusals: [what: string, options: object, message: string][] = [
  ['no options at all', {},
    "resolveJobState must be a function: resolveJobState: async ({ jobInstanceId }, context) => ({ status: 'InProgress' })"],
  ['no resolver', { authentication: false },
    "resolveJobState must be a function: resolveJobState: async ({ jobInstanceId }, context) => ({ status: 'InProgress' })"],
  ['a resolver that is not a function', { ...pluginOptions(), resolveJobState: {} },
    "resolveJobState must be a function: resolveJobState: async ({ jobInstanceId }, context) => ({ status: 'InProgress' })"],
  ['a misspelt option', { ...pluginOptions(), resolveTimeout: 7 },
    'there is no option "resolveTimeout": write resolverTimeout'],
  ['the name of a short option in upper case', { ...pluginOptions(), API: 'both' }, 'there is no option "API": write api'],
  ...[-1, 0.5, NaN, Infinity, 2 ** 31, '10', null, 10n].map((resolverTimeout): [string, object, string] => [
    `a resolverTimeout of ${typeof resolverTimeout} ${resolverTimeout}`, { ...pluginOptions(), resolverTimeout },
    'resolverTimeout must be a whole number of milliseconds from 0 (no deadline) to 2147483647'
  ]),
  ['authentication left out, with no subjectAndApp in a parent scope', { resolveJobState () { return null } },
    'write authentication: { publisherTenantId, audience, clientId }; or register subjectAndApp in a parent scope; ' +
    'or disable authentication with authentication: false']
]

for (const [what, options, message] of refusals) {
  t.test(`Registration refuses ${what}, and says what to write`, async (t) => {
    await t.rejects(Promise.resolve(registered(t, options).ready()),
      new TypeError(`fastify-fabric-job-state: ${message}.`))
  })
}

for (const options of [
  { resolverTimeout: 0 }, { resolverTimeout: 1 }, { resolverTimeout: 2 ** 31 - 1 }, { resolverTimeout: undefined },
  { prefix: '', logLevel: 'warn', logSerializers: {} }, { app: 'of a loader' }
]) {
  t.test(`Registration accepts ${JSON.stringify(options)}`, async (t) => {
    const app = registered(t, { ...pluginOptions(), ...options })
    t.same(holdToContract(t, await app.inject(pollPath())), sampleState)
  })
}
