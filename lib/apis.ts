import * as extensibilityToolkit from './extensibility-toolkit.js'
import { refusal, type SharedOptions } from './options.js'
import * as workloadDevelopmentKit from './workload-development-kit.js'

const APIS = {
  'workload-development-kit': [workloadDevelopmentKit],
  'extensibility-toolkit': [extensibilityToolkit],
  both: [workloadDevelopmentKit, extensibilityToolkit]
}

/**
 * The APIs that the option `api` names.
 *
 * @throws {TypeError} with a message that says what to write.
 */
export function apisOf ({ api = 'workload-development-kit' }: SharedOptions): ReadonlyArray<typeof workloadDevelopmentKit> {
  if (!Object.hasOwn(APIS, api)) {
    throw refusal("api must be 'workload-development-kit', 'extensibility-toolkit' or 'both': api: 'both'")
  }
  return APIS[api]
}
