import Fastify from 'fastify'
import fabricJobState, { fabricJobs } from 'fastify-fabric-job-state'
import { createFabric } from 'fastify-fabric-job-state/testing'
import t from 'tap'

import { apiPage } from '../../examples/workload/api-page.js'
import { nameModels } from '../../examples/workload/name-models.js'

const json = (content: object) => ({ 'application/json': content })

t.test('the API page describes the state endpoint, with values that work', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const fabric = createFabric()
  await app.register(apiPage, { fabric, api: '/workload-api' })
  await app.register(fabricJobState, {
    prefix: '/workload-api', authentication: fabric.authentication, resolveJobState: () => ({ status: 'InProgress' })
  })
  const { paths, components } = (await app.inject('/documentation/json')).json()
  const get = Object.values<{ get: object }>(paths).at(0)?.get
  t.match(get, {
    description: /monitoring hub/,
    responses: {
      200: { content: json({ schema: { $ref: '#/components/schemas/ItemJobInstanceState' } }) },
      default: {
        content: json({ schema: { $ref: '#/components/schemas/ErrorResponse' }, example: { errorCode: 'JobInstanceNotFound' } })
      }
    }
  })
  t.match(Object.keys(components.schemas).sort(), [/ErrorDetails/, /ErrorExtendedInformation/, /ErrorResponse/])
  const { parameters } = Object(get)
  const empty = parameters.filter(({ required, example }: { required: boolean, example?: string }) => required && !example)
  t.strictSame(empty, [], 'each required parameter is filled in')
})

t.test('the API page describes each operation of both APIs, with bodies that work', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const fabric = createFabric()
  const prefix = '/workload-api'
  await app.register(apiPage, { fabric, api: prefix })
  await app.register(fabricJobs, {
    prefix,
    api: 'both',
    authentication: fabric.authentication,
    createJobInstance: () => {},
    resolveJobState: () => ({ status: 'InProgress' }),
    cancelJobInstance: () => ({ status: 'Cancelled' })
  })
  const { paths } = (await app.inject('/documentation/json')).json()
  const posts = Object.entries<{ post?: Post }>(paths).flatMap(([path, { post }]) => post === undefined ? [] : [[path, post] as const])
  const { url, headers } = await fabric.poll({ prefix })
  const statuses: Record<string, number> = {}
  for (const [path, { description, requestBody }] of posts) {
    t.match(description, /job .*\./s)
    const ends = path.slice(path.lastIndexOf('/') + 1)
    t.match(description, /^on/.test(ends) ? /Experimental: .+\n\n/s : /\n\n/)
    const payload = requestBody?.content['application/json'].example
    const target = /\/jobs\/on/.test(path) ? url.replace(/jobTypes.*/, `jobs/${ends}`) : url + (ends === 'cancel' ? '/cancel' : '')
    statuses[ends] = (await app.inject({ method: 'POST', url: target, headers, ...payload && { payload } })).statusCode
  }
  t.strictSame(statuses, {
    '{jobInstanceId}': 202, cancel: 200, onCreateJobInstance: 201, onGetJobInstanceStatus: 200, onCancelJobInstance: 200
  })
})

interface Post { description: string, requestBody?: { content: { 'application/json': { example?: object } } } }

t.test('schemas with a title become named models, each once', (t) => {
  const status = { title: 'Status', type: 'string' }
  const state = { title: 'State', type: 'object', properties: { status, title: { type: 'string' } } }
  const document = nameModels({ paths: { '/a': { response: state }, '/b': { response: state, request: [status] } } })
  t.strictSame(document, {
    paths: {
      '/a': { response: { $ref: '#/components/schemas/State' } },
      '/b': { response: { $ref: '#/components/schemas/State' }, request: [{ $ref: '#/components/schemas/Status' }] }
    },
    components: {
      schemas: {
        Status: status,
        State: { ...state, properties: { status: { $ref: '#/components/schemas/Status' }, title: { type: 'string' } } }
      }
    }
  })
  t.end()
})
