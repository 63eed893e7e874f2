import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'

import fc from 'fast-check'
import t, { type Test } from 'tap'

import type { JobInstance } from '../lib/index.js'
import { holdToContract, pollPath, sample, sampleState, workload } from './helpers/poll.js'

/** A host that accepts long paths, and a function that polls it and returns the job that its resolver got. */
function asking (t: Test) {
  const seen: { job?: JobInstance | undefined } = {}
  const resolve = (job: JobInstance) => {
    seen.job = job
    return sampleState
  }
  const app = workload(t, resolve, { server: { routerOptions: { maxParamLength: 2000 } } })
  const asked = async (parts: Partial<typeof sample>) => {
    seen.job = undefined
    const answer = await app.inject(pollPath(parts))
    return { answer, job: seen.job }
  }
  return { app, asked, seen }
}

const uuids = ['workspaceId', 'itemId', 'jobInstanceId'] as const
const types = ['itemType', 'jobType'] as const
const uuid = sample.jobInstanceId

const detail = (name: string, message: string) => ({
  errorCode: 'InvalidParameter',
  message: `${name} ${message}.`,
  additionalParameters: [{ name: 'parameter', value: name }]
})
const notAUuid = 'must match format "uuid"'

t.test('The UUIDs in the path are validated', async (t) => {
  const { asked } = asking(t)

  t.test('A UUID in the path reaches the resolver in lower case', async (t) => {
    await fc.assert(fc.asyncProperty(fc.uuid(), fc.uuid(), fc.uuid(), async (workspaceId, itemId, jobInstanceId) => {
      const { answer, job } = await asked({
        workspaceId: workspaceId.toUpperCase(), itemId, jobInstanceId: jobInstanceId.replaceAll('-', '%2D')
      })
      assert.equal(answer.statusCode, 200)
      assert.deepEqual(job, { ...sample, workspaceId, itemId, jobInstanceId })
    }), { numRuns: 25 })
  })

  for (const value of [
    '7', 'null', 'undefined', uuid.slice(1), uuid + '0', uuid.replaceAll('-', ''), uuid.replace('6', 'g'),
    `urn:uuid:${uuid}`, `URN:UUID:${uuid}`, `{${uuid}}`, `%7B${uuid}%7D`, `(${uuid})`,
    `%20${uuid}`, `${uuid}%20`, `${uuid}%0A`,
    `${uuid}%00`, uuid.replace('-', '%2F'), `..%2F${uuid}`, `${uuid}%2F..`, `${uuid}%3F`, `${uuid}%23`, `${uuid}%25`,
    `${uuid},${uuid}`, uuid.replace('6', '%EF%BC%96'), uuid.replace('-', '%E2%80%90'), '%25', '%2541',
    'a'.repeat(2000), '*', ':id', '__proto__'
  ]) {
    t.test(`The response is 400 when a UUID in the path is ${value.slice(0, 60)}`, async (t) => {
      for (const name of uuids) {
        const { answer, job } = await asked({ [name]: value })
        t.equal(answer.statusCode, 400, name)
        t.match(holdToContract(t, answer), { errorCode: 'InvalidParameter', moreDetails: [detail(name, notAUuid)] })
        t.equal(job, undefined, 'the resolver is not called')
      }
    })
  }

  t.test('The response lists every invalid parameter of the path without its value', async (t) => {
    const { answer } = await asked({ workspaceId: '%3Cscript%3E', itemId: '', jobInstanceId: 'hunter2', itemType: '' })
    t.equal(answer.statusCode, 400)
    t.same(holdToContract(t, answer), {
      errorCode: 'InvalidParameter',
      message: 'A parameter in the path of the request is invalid.',
      source: 'User',
      isPermanent: true,
      moreDetails: [
        detail('workspaceId', notAUuid), detail('itemType', 'must NOT have fewer than 1 characters'), detail('itemId', notAUuid),
        detail('jobInstanceId', notAUuid)
      ]
    })
    t.notMatch(answer.body, /script|hunter2/)
  })
})

t.test('The item type and the job type in the path are decoded', async (t) => {
  const { app, asked, seen } = asking(t)

  t.test('A percent-encoded type in the path reaches the resolver decoded', async (t) => {
    const meant = {
      a: 'a',
      'Contoso.FinanceAnalytics.Forecast.calculateForecast': 'Contoso.FinanceAnalytics.Forecast.calculateForecast',
      '%2F': '/',
      '%2f..%2f..': '/../..',
      '%252F': '%2F',
      '%25': '%',
      '%2525': '%25',
      '%2541': '%41',
      '%00': '\0',
      '%0D%0AX-Evil:1': '\r\nX-Evil:1',
      '%7F': '\x7f',
      '%20': ' ',
      '+': '+',
      'a%2Bb': 'a+b',
      '%3F%23%26%3D': '?#&=',
      'a;b=c': 'a;b=c',
      'a,b': 'a,b',
      ':id': ':id',
      '*': '*',
      '...': '...',
      ['__proto__']: '__proto__',
      'Prognose%20f%C3%BCr%20%E6%9D%B1%E4%BA%AC': 'Prognose für 東京',
      '%F0%9F%93%88': '📈',
      'e%CC%81': 'e\u0301',
      '%EF%BB%BF': '\ufeff',
      '%E2%80%AE': '\u202e',
      [encodeURIComponent('ü'.repeat(256))]: 'ü'.repeat(256),
      ['x'.repeat(2000)]: 'x'.repeat(2000)
    }
    for (const [written, value] of Object.entries(meant)) {
      for (const name of types) {
        const { answer, job } = await asked({ [name]: written })
        t.equal(answer.statusCode, 200, written.slice(0, 60))
        t.same(job, { ...sample, [name]: value }, written.slice(0, 60))
      }
    }
  })

  t.test('A type in the path can be any text', async (t) => {
    // Clients remove path segments of one or two dots.
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((value) => !/^\.\.?$/.test(value))
    await fc.assert(fc.asyncProperty(text, text, async (itemType, jobType) => {
      const { answer, job } = await asked({ itemType: encodeURIComponent(itemType), jobType: encodeURIComponent(jobType) })
      assert.equal(answer.statusCode, 200)
      assert.deepEqual(job, { ...sample, itemType, jobType })
    }))
  })

  t.test('A type in the path can consist of dots if the client does not normalize the path', async (t) => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    for (const jobType of ['.', '..', '%2E%2e']) {
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
      socket.end(`GET ${pollPath({ jobType })} HTTP/1.1\r\nHost: workload\r\nConnection: close\r\n\r\n`)
      t.match(Buffer.concat(await socket.toArray()).toString(), /^HTTP\/1\.1 200 OK\r\n/)
      t.same(seen.job, { ...sample, jobType: decodeURIComponent(jobType) })
      if (!socket.closed) await once(socket, 'close')
    }
  })

  t.test('The response is 400 when a type in the path is empty', async (t) => {
    for (const name of types) {
      const { answer, job } = await asked({ [name]: '' })
      t.equal(answer.statusCode, 400)
      t.match(holdToContract(t, answer), { errorCode: 'InvalidParameter', moreDetails: [detail(name, 'must NOT have fewer than 1 characters')] })
      t.equal(job, undefined)
    }
  })
})

t.test('A query string does not change the response', async (t) => {
  const { app, seen } = asking(t)
  t.same(holdToContract(t, await app.inject(pollPath() + '?jobInstanceId=7&jobInstanceId=8#9')), sampleState)
  t.same(seen.job, sample)
})
