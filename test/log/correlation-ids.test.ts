import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'

import fabricJobState, { type JobStateContext } from '../../lib/index.js'
import {
  activityId, host, type LogLine, pluginOptions, pollPath, recordedLog, requestId, sampleState, workload
} from '../helpers/poll.js'

const ids = { activityid: activityId, requestid: requestId }

/** Polls, and gives the log lines of the poll alone. */
async function linesOf (app: FastifyInstance, lines: LogLine[], url: string, headers: Record<string, string> = ids) {
  await app.ready()
  lines.length = 0
  await app.inject({ url, headers })
  return lines
}

const bindings = ({ activityId, fabricRequestId }: LogLine) => ({ activityId, fabricRequestId })
const messages = (lines: LogLine[]) => lines.map(({ msg }) => msg)

t.test('Every log line of a poll carries ActivityId and RequestId', async (t) => {
  const expected = { activityId, fabricRequestId: requestId }

  async function carried (t: Test, app: FastifyInstance, lines: LogLine[], url: string, expectedMessages: string[]) {
    const found = await linesOf(app, lines, url)
    t.same(messages(found), expectedMessages)
    for (const line of found) t.same(bindings(line), expected, line.msg)
  }

  t.test('of an answered one, the resolver\'s lines too', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, (_, { log, request }) => {
      log.debug('by context.log')
      request.log.debug('by request.log')
      return sampleState
    }, { server: { logger } })
    await carried(t, app, lines, pollPath(),
      ['incoming request', 'by context.log', 'by request.log', 'request completed'])
  })

  t.test('of a refused one', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, undefined, { server: { logger } })
    await carried(t, app, lines, pollPath({ itemId: '7' }), ['incoming request', 'request completed'])
  })

  t.test('of one that a hook of the host refuses', async (t) => {
    const { lines, logger } = recordedLog()
    const app = host(t, { logger })
    app.addHook('onRequest', async () => { throw Object.assign(new Error('no'), { statusCode: 403 }) })
    app.register(fabricJobState, pluginOptions())
    await carried(t, app, lines, pollPath(), ['incoming request', 'The request was refused', 'request completed'])
  })

  t.test('of a failed one', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, () => { throw new Error('no') }, { server: { logger } })
    await carried(t, app, lines, pollPath(),
      ['incoming request', 'The request failed', 'request completed'])
  })

  t.test('of HEAD', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, undefined, { server: { logger } })
    await app.inject({ method: 'HEAD', url: pollPath(), headers: ids })
    for (const line of lines.slice(2)) t.same(bindings(line), expected)
    t.equal(lines.length, 4)
  })

  t.test('beside what the host\'s own childLoggerFactory binds, set before or after', async (t) => {
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

  t.test('and a line of another route carries none', async (t) => {
    const { lines, logger } = recordedLog()
    const app = workload(t, undefined, { server: { logger } })
    app.get('/host', () => 'own')
    for (const line of await linesOf(app, lines, '/host')) t.same(bindings(line), {})
    t.equal(lines.length, 2)
  })

  t.test('whatever logLevel and logSerializers the route has', async (t) => {
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

t.test('The ids of a request', async (t) => {
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

  t.test('are the resolver\'s as they are the log\'s', async (t) => {
    t.same(await seen({ ActivityId: 'A-1', RequestId: 'R-1' }), {
      ids: { activityId: 'A-1', requestId: 'R-1' }, logged: { activityId: 'A-1', fabricRequestId: 'R-1' }
    })
  })

  t.test('may be absent, or empty', async (t) => {
    t.strictSame(await seen({}), {
      ids: { activityId: undefined, requestId: undefined }, logged: { activityId: undefined, fabricRequestId: undefined }
    })
    t.same((await seen({ activityid: '', requestid: 'R-1' })).ids, { activityId: undefined, requestId: 'R-1' })
  })

  t.test('do not swell the log: what is longer than 128 characters is cut', async (t) => {
    t.same((await seen({ activityid: 'a'.repeat(999) })).logged,
      { activityId: 'a'.repeat(128), fabricRequestId: undefined })
  })

  t.test('may contain eyJ inside a word, and are left out where they look like a token', async (t) => {
    t.same((await seen({ activityid: 'SurveyJobs-1', requestid: 'eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.' })).logged,
      { activityId: 'SurveyJobs-1', fabricRequestId: undefined })
  })
})
