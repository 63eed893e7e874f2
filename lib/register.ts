import type { FastifyInstance } from 'fastify'

import { Deadline } from './deadline.js'
import type { Services } from './operation.js'
import { checkedOptions, refusal, type SharedOptions } from './options.js'
import { isAuthenticationHook, type AuthenticationHook } from './subject-and-app/hook.js'
import { createAuthentication } from './subject-and-app/plugin.js'

/**
 * Checks the options that both plugins share, and creates the services of their operations.
 *
 * @throws {TypeError} with a message that says what to write.
 */
export function register (app: FastifyInstance, options: SharedOptions): Services {
  const { resolverTimeout, authentication, config, documented } = checkedOptions(options)
  const authenticate = authenticationHook(app, authentication)
  warnOfShortParams(app)
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  return {
    authenticate,
    deadline: new Deadline(resolverTimeout),
    config,
    documented,
    isClosing: () => isClosing
  }
}

/** The plugin's own authentication, the one of a parent scope, or none with `authentication: false`. */
function authenticationHook (
  app: FastifyInstance, authentication: SharedOptions['authentication']
): AuthenticationHook | undefined {
  if (authentication === false) {
    app.log.warn('authentication is disabled: anyone who can reach this server can read job states')
    return undefined
  }
  if (authentication !== undefined) return createAuthentication(app, authentication).hook
  if (!app.hasDecorator('authenticateSubjectAndApp')) {
    throw refusal('write authentication: { publisherTenantId, audience, clientId }; ' +
      'or register subjectAndApp in a parent scope; or disable authentication with authentication: false')
  }
  if (!isAuthenticationHook(app.authenticateSubjectAndApp)) {
    throw refusal('app.authenticateSubjectAndApp is not that of subjectAndApp: register subjectAndApp from this package in ' +
      'a parent scope, and give another name to the decorator of that name')
  }
  return app.authenticateSubjectAndApp
}

/** For a longer path parameter, Fastify itself responds with 414, in its own format. */
const LONGEST_PARAM = 256

function warnOfShortParams (app: FastifyInstance): void {
  const { maxParamLength, routerOptions } = app.initialConfig
  const limit = routerOptions?.maxParamLength ?? maxParamLength
  if (limit !== undefined && limit < LONGEST_PARAM) {
    const write = `Fastify({ routerOptions: { maxParamLength: ${LONGEST_PARAM} } })`
    app.log.warn(`A job type can be longer than maxParamLength, ${limit}: write ${write}`)
  }
}
