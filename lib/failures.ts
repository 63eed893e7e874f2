import type { Problem } from './schema-reader.js'
import { callersError, WorkloadError } from './workload-error.js'

// The failures that the route itself can tell of; the texts are read by people in Fabric's monitoring hub.

/** 400: a path parameter breaks its schema. */
export function invalidParameter (problems: Problem[]): WorkloadError {
  return callersError({
    statusCode: 400,
    errorCode: 'InvalidParameter',
    message: 'The job instance cannot be looked up: a parameter in the path of the request is not valid.',
    source: 'User',
    isPermanent: true,
    moreDetails: problems.map(({ path, message }) => {
      const name = path.slice(1)
      return {
        errorCode: 'InvalidParameter',
        message: `${name} ${message}.`,
        additionalParameters: [{ name: 'parameter', value: name }]
      }
    })
  })
}

/** 404: the resolver knows no such job. */
export function jobInstanceNotFound (): WorkloadError {
  return callersError({
    statusCode: 404,
    errorCode: 'JobInstanceNotFound',
    message: 'The workload knows no such job instance.',
    source: 'System',
    isPermanent: true
  })
}

/** 500: the resolver's answer breaks the contract; what is wrong with it is for the log. */
export function invalidJobState (problems: Problem[]): WorkloadError {
  return new WorkloadError({
    statusCode: 500,
    errorCode: 'InvalidJobState',
    message: 'The workload could not tell the state of the job because of an internal error.',
    source: 'System',
    isPermanent: false,
    cause: new TypeError(problems.map(({ path, message }) => `${path || 'the answer'} ${message}`).join('; '))
  })
}

/** 504: the resolver took too long. */
export function resolverTimedOut (timeout: number): WorkloadError {
  return new WorkloadError({
    statusCode: 504,
    errorCode: 'ResolverTimeout',
    message: `The workload did not tell the state of the job within ${timeout / 1000} seconds.`,
    source: 'System',
    isPermanent: false
  })
}
