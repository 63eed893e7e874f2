import { readFileSync } from 'node:fs'

import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import Fastify, { type FastifyInstance, type FastifyServerOptions, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'

import fabricJobState, { type FabricJobStateOptions } from '../../lib/index.js'

/** The IDs of the contract's sample request. */
export const sample = {
  workspaceId: 'e5ef604d-e14f-4a59-9133-75d5a0cb9334',
  itemType: 'Contoso.FinanceAnalytics.Forecast',
  itemId: 'b14cb7e7-d346-4751-9cfd-8c2767d53111',
  jobType: 'calculateForecast',
  jobInstanceId: '63f77191-432d-4ee6-9c5f-31a1a6987072'
}

/** The contract's sample response. */
export const sampleState = { status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' } as const

export const activityId = '0b5e3ab2-2b0d-4c31-8b0b-6f0b7a9f1a11'
export const requestId = 'd1f7a9b4-53ad-4d5e-9d55-2c9d2a1f0e22'

/** The path of a poll; the parts are not encoded, so that a test can choose the percent-encoding. */
export function pollPath (parts: Partial<typeof sample> = {}): string {
  const { workspaceId, itemType, itemId, jobType, jobInstanceId } = { ...sample, ...parts }
  return `/workspaces/${workspaceId}/items/${itemType}/${itemId}/jobTypes/${jobType}/instances/${jobInstanceId}`
}

/** One line of a host's log. */
export type LogLine = Record<string, unknown> & { level: number, msg: string }

/** The options of a logger and its lines so far. */
export function recordedLog () {
  const lines: LogLine[] = []
  return { lines, logger: { level: 'trace', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } }
}

/** A host that is closed at the end of the test. */
export function host (t: Test, options: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify(options)
  t.after(() => app.close())
  return app
}

/** Options of the plugin without authentication, which these tests do not need. */
export function pluginOptions (
  resolveJobState: FabricJobStateOptions['resolveJobState'] = () => sampleState,
  options: Partial<FabricJobStateOptions> & { prefix?: string } = {}
) {
  return { resolveJobState, authentication: false as const, ...options }
}

/** A host with the plugin and a resolver only. */
export function workload (
  t: Test,
  resolveJobState?: FabricJobStateOptions['resolveJobState'],
  { server, ...options }: Partial<FabricJobStateOptions> & { prefix?: string, server?: FastifyServerOptions } = {}
): FastifyInstance {
  const app = host(t, server)
  app.register(fabricJobState, pluginOptions(resolveJobState, options))
  return app
}

const document = JSON.parse(readFileSync(new URL('./schemas/openapi.json', import.meta.resolve('fastify-fabric-job-state/package.json')), 'utf8'))
const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema(document, 'contract')

/** The problems of a value by the contract's definition of that name; empty for a valid value. */
export function contractProblems (definition: 'ItemJobInstanceState' | 'ErrorResponse', value: unknown): string[] {
  const validate = ajv.getSchema(`contract#/components/schemas/${definition}`)
  if (validate === undefined) throw new Error(`The contract has no ${definition}`)
  return validate(value) === true ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`)
}

/**
 * Checks a whole response against the contract's document, with a validator that the plugin does not use.
 *
 * @returns its body
 */
export function holdToContract (t: Test, answer: LightMyRequestResponse) {
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(answer.headers['cache-control'], 'no-store')
  t.equal(answer.headers['content-length'], String(Buffer.byteLength(answer.body)))
  const body: unknown = JSON.parse(answer.body)
  t.same(contractProblems(answer.statusCode === 200 ? 'ItemJobInstanceState' : 'ErrorResponse', body), [], answer.body)
  return body
}

/** True for a response that conforms to the contract; for property-based tests. */
export function isOnContract ({ statusCode, headers, body }: LightMyRequestResponse): boolean {
  if (headers['content-type'] !== 'application/json; charset=utf-8') return false
  if (headers['cache-control'] !== 'no-store') return false
  if (statusCode !== 200 && (statusCode < 400 || statusCode > 599)) return false
  return contractProblems(statusCode === 200 ? 'ItemJobInstanceState' : 'ErrorResponse', JSON.parse(body)).length === 0
}
