// The package's `testing` entry: it simulates Fabric in tests.
export { createFabric } from './fabric.js'
export type { BadHeaders } from './bad-headers.js'
export type { Claims, TokenVersion } from './claims.js'
export type {
  Fabric, FabricHeaders, HeadersOptions, KeyEndpoint, Poll, PollOptions, TokenOptions, ToolkitOperation, ToolkitRequest,
  ToolkitRequestOptions
} from './fabric.js'
export type { Registration } from './registration.js'
export type { JoseHeader } from './sign.js'
