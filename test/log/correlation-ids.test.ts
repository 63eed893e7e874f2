import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { type JobStateContext } from '../../lib/index.js'
import {
  activityId, host, type LogLine, pluginOptions, pollPath, recordedLog, requestId, sampleState, workload
} from '../helpers/poll.js'

const ids = { activityid: activityId, requestid: requestId }

/** Polls, and returns the log lines of that poll. */
async function linesOf (app: FastifyInstance, lines: LogLine[], url: string, headers: Record<string, string> = ids) {
  await app.ready()
  lines.length = 0
  await app.inject({ url, headers })
  return lines
}

const bindings = ({ activityId, fabricRequestId }: LogLine) => ({ activityId, fabricRequestId })
const messages = (lines: LogLine[]) => lines.map(({ msg }) => msg)

t.test('Every log line of a poll has the ActivityId and the RequestId', async (t) => {
  const expected = { activityId, fabricRequestId: requestId }

  async function carried (t: Test, app: FastifyInstance, lines: LogLine[], url: string, expectedMessages: string[]) {
    const found = await linesOf(app, lines, url)
    t.same(messages(found), expectedMessages)
    for (const line of found) t.same(bindings(line), expected, line.msg)
  }

  t.test('The log lines of a poll with a state have the correlation IDs, also those of the resolver', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, (_, { log, request }) => {
      log.debug('by context.log')
      request.log.debug('by request.log')
      return sampleState
    }, { server: { logger } })
    await carried(t, app, lines, pollPath(),
      ['incoming request', 'by context.log', 'by request.log', 'request completed'])
  })

  t.test('The log lines of a refused poll have the correlation IDs', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, undefined, { server: { logger } })
    await carried(t, app, lines, pollPath({ itemId: '7' }), ['incoming request', 'request completed'])
  })

  t.test('The log lines of a poll that a hook of the host refuses have the correlation IDs', async (t) => {
    const { lines, logger } = recordedLog()
    const app = host(t, { logger })
    app.addHook('onRequest', async () => { throw Object.assign(new Error('no'), { statusCode: 403 }) })
    app.register(fabricJobState, pluginOptions())
    await carried(t, app, lines, pollPath(), ['incoming request', 'The request was refused', 'request completed'])
  })

  t.test('The log lines of a failed poll have the correlation IDs', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, () => { throw new Error('no') }, { server: { logger } })
    await carried(t, app, lines, pollPath(),
      ['incoming request', 'The request failed', 'request completed'])
  })

  t.test('The log lines of HEAD have the correlation IDs', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, undefined, { server: { logger } })
    await app.inject({ method: 'HEAD', url: pollPath(), headers: ids })
    for (const line of lines.slice(2)) t.same(bindings(line), expected)
    t.equal(lines.length, 4)
  })

  t.test('The log lines also have the bindings of the host\'s childLoggerFactory, set before or after registration', async (t) => {
    for (const when of ['before', 'after']) {
      const { lines, logger } = recordedLog()
      const app = host(t, { logger })
      const setFactory = () => app.setChildLoggerFactory(function (logger, bindings, options, { url }) {
        return logger.child({ ...bindings, theHosts: this.server === app.server, url }, options)
      })
      if (when === 'before') setFactory()
      await app.register(fabricJobState, pluginOptions())
      if (when === 'after') setFactory()
      for (const line of await linesOf(app, lines, pollPath())) {
        t.match(line, { ...expected, theHosts: true, url: pollPath(), reqId: 'req-1' }, when)
      }
    }
  })

  t.test('The log lines of the host\'s other routes have no correlation IDs', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, undefined, { server: { logger } })
    app.get('/host', () => 'own')
    for (const line of await linesOf(app, lines, '/host')) t.same(bindings(line), {})
    t.equal(lines.length, 2)
  })

  t.test('The log lines have the correlation IDs with any logLevel and logSerializers', async (t) => {
    const { lines, logger } = recordedLog()
    const app = host(t, { logger })
    app.register(fabricJobState, {
      ...pluginOptions((_, { log }) => { log.warn({ job: 1 }, 'odd'); return sampleState }),
      logLevel: 'warn',
      logSerializers: { job: (job: number) => `job ${job}` }
    })
    t.match(await linesOf(app, lines, pollPath()), { length: 1, 0: { msg: 'odd', job: 'job 1', ...expected } })
  })
})

t.test('The correlation IDs of a request are read from its headers', async (t) => {
  async function seen (headers: Record<string, string>) {
    let ids: unknown
    const { lines, logger } = recordedLog()
    const app = workload(t, (_, { activityId, requestId }: JobStateContext) => {
      ids = { activityId, requestId }
      return sampleState
    }, { server: { logger } })
    const line = (await linesOf(app, lines, pollPath(), headers))[0]
    return { ids, logged: line && bindings(line) }
  }

  t.test('The correlation IDs of the context are the same as in the log', async (t) => {
    t.same(await seen({ ActivityId: 'A-1', RequestId: 'R-1' }), {
      ids: { activityId: 'A-1', requestId: 'R-1' }, logged: { activityId: 'A-1', fabricRequestId: 'R-1' }
    })
  })

  t.test('An absent or empty header gives no correlation ID', async (t) => {
    t.strictSame(await seen({}), {
      ids: { activityId: undefined, requestId: undefined }, logged: { activityId: undefined, fabricRequestId: undefined }
    })
    t.same((await seen({ activityid: '', requestid: 'R-1' })).ids, { activityId: undefined, requestId: 'R-1' })
  })

  t.test('A correlation ID is cut to 128 characters', async (t) => {
    t.same((await seen({ activityid: 'a'.repeat(999) })).logged,
      { activityId: 'a'.repeat(128), fabricRequestId: undefined })
  })

  t.test('A correlation ID that looks like a token is left out; eyJ within a word is allowed', async (t) => {
    t.same((await seen({ activityid: 'SurveyJobs-1', requestid: 'eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.' })).logged,
      { activityId: 'SurveyJobs-1', fabricRequestId: undefined })
  })
})
