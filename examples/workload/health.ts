import { setTimeout } from 'node:timers/promises'

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

export interface HealthOptions {
  /** Sends a cheap query to the engine; rejects if it cannot be reached. */
  askEngine: () => Promise<unknown>
  /** How long a closing server still serves requests, in seconds; it is not ready, so load balancers stop sending requests. */
  drainSeconds: number
}

/** How long the engine may take to answer, in milliseconds. */
const ENGINE_TIMEOUT = 1_000

/**
 * `/health/live` is 200 as long as the process answers. `/health/ready` is 200 while the server can do its work, else 503: it
 * has signing keys, its engine answers, and it is not closing. Needs `subjectAndApp` in the same scope.
 */
export const health = fastifyPlugin<HealthOptions>(async (app, { askEngine, drainSeconds }) => {
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
    await setTimeout(drainSeconds * 1_000)
  })

  const doesEngineAnswer = answersInTime(askEngine)
  const logChange = changeLog(app)
  const route = { logLevel: 'warn', schema: { hide: true } } as const
  app.get('/health/live', route, async () => ({ status: 'live' }))
  app.get('/health/ready', route, async (_request, reply) => {
    const checks = { open: !isClosing, signingKeys: app.subjectAndAppReady(), engine: await doesEngineAnswer() }
    const isReady = Object.values(checks).every(Boolean)
    logChange(isReady, checks)
    return reply.code(isReady ? 200 : 503).header('cache-control', 'no-store')
      .send({ status: isReady ? 'ready' : 'not ready', checks })
  })
}, { name: 'health', fastify: '5.x' })

/** Simultaneous probes share one query, so that the engine gets one query at a time. */
function answersInTime (ask: () => Promise<unknown>): () => Promise<boolean> {
  let asked: Promise<boolean> | undefined
  return async () => {
    asked ??= ask().then(() => true, () => false).finally(() => { asked = undefined })
    return await Promise.race([asked, setTimeout(ENGINE_TIMEOUT, false, { ref: false })])
  }
}

/** Logs readiness when it changes, since single probes are not logged. */
function changeLog (app: FastifyInstance): (isReady: boolean, checks: object) => void {
  let wasReady: boolean | undefined
  return (isReady, checks) => {
    if (isReady === wasReady) return
    wasReady = isReady
    if (isReady) app.log.info(checks, 'Ready')
    else app.log.warn(checks, 'Not ready')
  }
}
