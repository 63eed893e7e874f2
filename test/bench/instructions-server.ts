/** The process of a server of `instructions.ts`: the plugin of a checkout. Sends its port to its parent. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { AuthenticationOptions } from '../../lib/index.js'
import type { Contender } from './contenders.js'
import { sampleResolver } from './sample.js'

const { checkout, contender: { options = {} }, authentication }: {
  checkout: string, contender: Contender, authentication: AuthenticationOptions
} = JSON.parse(process.argv[2] ?? '')
const require = createRequire(join(checkout, 'package.json'))
const { default: Fastify }: typeof import('fastify') = await import(pathToFileURL(require.resolve('fastify')).href)
const { default: fabricJobState }: typeof import('../../lib/index.js') = await import(pathToFileURL(join(checkout, 'dist/lib/index.js')).href)

const app = Fastify({ routerOptions: { maxParamLength: 256 } })
const { tokenCacheSize, ...others } = options
await app.register(fabricJobState, {
  resolveJobState: sampleResolver(others),
  authentication: tokenCacheSize === undefined ? false : { ...authentication, tokenCacheSize }
})
await app.listen({ host: '127.0.0.1', port: 0 })
const address = app.server.address()
process.on('disconnect', () => process.exit())
process.send?.(typeof address === 'object' ? address?.port : address)
