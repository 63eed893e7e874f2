// The same schemas as in the modules beside this one, as plain JSON Schema: what the plugin itself runs on, because
// loading TypeBox takes longer than loading all the rest of the plugin.

export const ItemJobInstanceState = {
  $id: 'ItemJobInstanceState',
  description: 'The job instance state.',
  type: 'object',
  properties: {
    status: {
      $ref: 'JobInstanceStatus',
      description: 'The status of the job instance.',
      readOnly: true
    },
    startTimeUtc: {
      type: 'string',
      format: 'date-time',
      description: 'The job instance start time.',
      readOnly: true
    },
    endTimeUtc: {
      type: 'string',
      format: 'date-time',
      description: 'The job instance end time.',
      readOnly: true
    },
    errorDetails: {
      $ref: 'ErrorDetails',
      description: 'The error details in case of the job instance failure.',
      readOnly: true
    }
  },
  required: ['status'],
  additionalProperties: false,
  examples: [
    {
      status: 'InProgress',
      startTimeUtc: '2023-12-10T14:41:39.412Z'
    }
  ]
} as const
export type ItemJobInstanceState = import('./ItemJobInstanceState.js').ItemJobInstanceState

export const JobInstanceStatus = {
  $id: 'JobInstanceStatus',
  description: 'The status of an item job instance.',
  type: 'string',
  enum: [
    'NotStarted',
    'InProgress',
    'Completed',
    'Failed',
    'Cancelled'
  ]
} as const
export type JobInstanceStatus = import('./JobInstanceStatus.js').JobInstanceStatus

export const ErrorDetails = {
  $id: 'ErrorDetails',
  description: 'The error details.',
  type: 'object',
  properties: {
    errorCode: {
      type: 'string',
      description: 'The error code.',
      readOnly: true
    },
    message: {
      type: 'string',
      description: 'The error message.',
      readOnly: true
    },
    messageParameters: {
      type: 'array',
      items: { type: 'string' },
      description: 'A list of parameters for formatting a localized message.',
      readOnly: true
    },
    source: {
      $ref: 'ErrorSource',
      description: 'The source of the error.',
      readOnly: true
    },
    isPermanent: {
      type: 'boolean',
      description: 'Indicates whether the error is permanent or the operation can be retried.',
      readOnly: true
    },
    moreDetails: {
      type: 'array',
      items: { $ref: 'ErrorExtendedInformation' },
      description: 'A list of additional error details.',
      readOnly: true
    }
  },
  required: ['errorCode', 'message', 'source'],
  additionalProperties: false
} as const
export type ErrorDetails = import('./ErrorDetails.js').ErrorDetails

export const ErrorResponse = {
  $id: 'ErrorResponse',
  description: 'The error response.',
  type: 'object',
  properties: {
    errorCode: {
      type: 'string',
      description: 'The error code.',
      readOnly: true
    },
    message: {
      type: 'string',
      description: 'The error message.',
      readOnly: true
    },
    messageParameters: {
      type: 'array',
      items: { type: 'string' },
      description: 'A list of parameters for formatting a localized message.',
      readOnly: true
    },
    source: {
      $ref: 'ErrorSource',
      description: 'The source of the error.',
      readOnly: true
    },
    isPermanent: {
      type: 'boolean',
      description: 'Indicates whether the error is permanent or the operation can be retried.',
      readOnly: true
    },
    moreDetails: {
      type: 'array',
      items: { $ref: 'ErrorExtendedInformation' },
      description: 'A list of additional error details.',
      readOnly: true
    }
  },
  required: ['errorCode', 'message', 'source'],
  additionalProperties: false
} as const
export type ErrorResponse = import('./ErrorResponse.js').ErrorResponse

export const ErrorExtendedInformation = {
  $id: 'ErrorExtendedInformation',
  description: 'The extended error information.',
  type: 'object',
  properties: {
    errorCode: {
      type: 'string',
      description: 'The error code.',
      readOnly: true
    },
    message: {
      type: 'string',
      description: 'The error message.',
      readOnly: true
    },
    messageParameters: {
      type: 'array',
      items: { type: 'string' },
      description: 'A list of parameters for formatting a localized message.',
      readOnly: true
    },
    additionalParameters: {
      type: 'array',
      items: { $ref: 'NameValuePair' },
      description: 'A list of additional parameters specific to the error.',
      readOnly: true
    }
  },
  required: ['errorCode', 'message'],
  additionalProperties: false
} as const
export type ErrorExtendedInformation = import('./ErrorExtendedInformation.js').ErrorExtendedInformation

export const ErrorSource = {
  $id: 'ErrorSource',
  description: 'The source of the error.',
  type: 'string',
  enum: ['System', 'User', 'External']
} as const
export type ErrorSource = import('./ErrorSource.js').ErrorSource

export const NameValuePair = {
  $id: 'NameValuePair',
  description: 'A name-value pair.',
  type: 'object',
  properties: {
    name: {
      type: 'string',
      description: 'The name.',
      readOnly: true
    },
    value: {
      type: 'string',
      description: 'The value.',
      readOnly: true
    }
  },
  required: ['name', 'value'],
  additionalProperties: false
} as const
export type NameValuePair = import('./NameValuePair.js').NameValuePair

export const GetItemJobInstanceStateParams = {
  description: 'The path parameters of Jobs_GetItemJobInstanceState.',
  type: 'object',
  properties: {
    workspaceId: {
      type: 'string',
      format: 'uuid',
      description: 'The workspace.',
      examples: ['e5ef604d-e14f-4a59-9133-75d5a0cb9334']
    },
    itemType: {
      type: 'string',
      description: 'The item type.',
      examples: ['Contoso.FinanceAnalytics.Forecast']
    },
    itemId: {
      type: 'string',
      format: 'uuid',
      description: 'The item.',
      examples: ['b14cb7e7-d346-4751-9cfd-8c2767d53111']
    },
    jobType: {
      type: 'string',
      description: 'The job type.',
      examples: ['calculateForecast']
    },
    jobInstanceId: {
      type: 'string',
      format: 'uuid',
      description: 'The job instance.',
      examples: ['63f77191-432d-4ee6-9c5f-31a1a6987072']
    }
  },
  required: [
    'workspaceId',
    'itemType',
    'itemId',
    'jobType',
    'jobInstanceId'
  ],
  additionalProperties: false
} as const
export type GetItemJobInstanceStateParams = import('./GetItemJobInstanceStateParams.js').GetItemJobInstanceStateParams

export const GetItemJobInstanceState = {
  method: 'GET',
  url: '/workspaces/:workspaceId/items/:itemType/:itemId/jobTypes/:jobType/instances/:jobInstanceId',
  schema: {
    operationId: 'Jobs_GetItemJobInstanceState',
    summary: 'Get Item Job Instance State',
    description: 'Microsoft Fabric calls a workload\'s back end to ask how a job is doing.',
    params: {
      description: 'The path parameters of Jobs_GetItemJobInstanceState.',
      type: 'object',
      properties: {
        workspaceId: {
          type: 'string',
          format: 'uuid',
          description: 'The workspace.',
          examples: ['e5ef604d-e14f-4a59-9133-75d5a0cb9334']
        },
        itemType: {
          type: 'string',
          description: 'The item type.',
          examples: ['Contoso.FinanceAnalytics.Forecast']
        },
        itemId: {
          type: 'string',
          format: 'uuid',
          description: 'The item.',
          examples: ['b14cb7e7-d346-4751-9cfd-8c2767d53111']
        },
        jobType: {
          type: 'string',
          description: 'The job type.',
          examples: ['calculateForecast']
        },
        jobInstanceId: {
          type: 'string',
          format: 'uuid',
          description: 'The job instance.',
          examples: ['63f77191-432d-4ee6-9c5f-31a1a6987072']
        }
      },
      required: [
        'workspaceId',
        'itemType',
        'itemId',
        'jobType',
        'jobInstanceId'
      ],
      additionalProperties: false
    },
    headers: {
      description: 'The request headers of Jobs_GetItemJobInstanceState.',
      type: 'object',
      properties: {
        'x-ms-client-tenant-id': {
          type: 'string',
          format: 'uuid',
          description: 'The tenant of the user or service behind the call.'
        },
        ActivityId: {
          type: 'string',
          description: 'Correlates everything that one user interaction set off.'
        },
        RequestId: {
          type: 'string',
          description: 'This request\'s own id, the one to quote when reporting a problem to Microsoft.'
        }
      },
      required: ['x-ms-client-tenant-id']
    },
    response: {
      200: {
        $ref: 'ItemJobInstanceState',
        description: 'Completed successfully.'
      },
      default: {
        $ref: 'ErrorResponse',
        description: 'An appropriate HTTP error status code (4xx, 5xx) with detailed error information.'
      }
    }
  }
} as const

export const definitions = [
  ItemJobInstanceState,
  JobInstanceStatus,
  ErrorDetails,
  ErrorResponse,
  ErrorExtendedInformation,
  ErrorSource,
  NameValuePair
] as const
