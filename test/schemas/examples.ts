/** Valid and invalid values of each exported schema, by its name. */
export const examples: Record<string, { valid: unknown[], invalid: unknown[] }> = {}

const pair = { name: 'count', value: '3' }
const moreDetails = {
  errorCode: 'MissingValues', message: 'Values are missing.', messageParameters: [], additionalParameters: [pair]
}
const failure = {
  errorCode: 'SeriesTooShort',
  message: 'The series is too short to forecast.',
  messageParameters: ['3'],
  source: 'User',
  isPermanent: true,
  moreDetails: [moreDetails]
}
const errors = {
  valid: [failure, { errorCode: 'E', message: 'm', source: 'System' }],
  invalid: [
    { ...failure, source: 'Elsewhere' },
    { ...failure, stack: 'at' },
    { ...failure, isPermanent: 'true' },
    { ...failure, messageParameters: [3] },
    { ...failure, moreDetails: [{ ...moreDetails, source: 'User' }] },
    { ...failure, moreDetails: [{ ...moreDetails, additionalParameters: [{ name: 'n' }] }] },
    { message: 'm', source: 'User' },
    { errorCode: 'E', source: 'User' },
    { errorCode: 'E', message: 'm' }
  ]
}

examples['NameValuePair'] = {
  valid: [pair], invalid: [{ name: 'n' }, { ...pair, more: 1 }, { name: 'n', value: 1 }, null, [pair]]
}
examples['ErrorExtendedInformation'] = {
  valid: [moreDetails, { errorCode: 'E', message: 'm' }],
  invalid: [{ errorCode: 'E' }, { ...moreDetails, source: 'User' }, { ...moreDetails, additionalParameters: [{}] }]
}
examples['ErrorSource'] = { valid: ['System', 'User', 'External'], invalid: ['user', '', null, 1] }
examples['ErrorDetails'] = errors
examples['ErrorResponse'] = errors
examples['JobInstanceStatus'] = {
  valid: ['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled'],
  invalid: ['Running', 'completed', '', null, 3]
}

const state = { status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }
examples['ItemJobInstanceState'] = {
  valid: [
    state,
    { status: 'Cancelled' },
    { ...state, status: 'Failed', endTimeUtc: '2023-12-10T14:42:39Z', errorDetails: failure }
  ],
  invalid: [
    { startTimeUtc: state.startTimeUtc },
    { status: 'Running' },
    { status: 'completed' },
    { status: null },
    { ...state, startTimeUtc: 'yesterday' },
    { ...state, endTimeUtc: '' },
    { ...state, endTimeUtc: '2023-12-10T14:41:39' },
    { ...state, endTimeUtc: 1702219299412 },
    { ...state, progress: 50 },
    ...errors.invalid.map((errorDetails) => ({ status: 'Failed', errorDetails })),
    [state],
    'InProgress',
    null
  ]
}

examples['JobInvokeType'] = {
  valid: ['UnknownFutureValue', 'Scheduled', 'Manual', 'Triggered'], invalid: [null, 1, {}]
}
examples['CreateItemJobInstanceRequest'] = {
  valid: [
    { invokeType: 'Manual' },
    { invokeType: 'Triggered', creationPayload: {} },
    { invokeType: 'Scheduled', creationPayload: { seconds: 20, nested: { list: [1, 'a', null] } } }
  ],
  invalid: [
    {},
    { invokeType: 1 },
    { invokeType: 'Manual', more: 1 },
    { invokeType: 'Manual', creationPayload: null },
    { invokeType: 'Manual', creationPayload: [] },
    { invokeType: 'Manual', creationPayload: 'text' },
    { creationPayload: {} }
  ]
}

const id = 'e5ef604d-e14f-4a59-9133-75d5a0cb9334'
const parameters = { workspaceId: id, itemType: 'Contoso.Forecast', itemId: id, jobType: 'forecast', jobInstanceId: id }
const headers = { 'x-ms-client-tenant-id': id, ActivityId: 'a', RequestId: 'b' }
for (const operation of ['CreateItemJobInstance', 'GetItemJobInstanceState', 'CancelItemJobInstance']) {
  examples[`${operation}Params`] = {
    // A host's prefix may have other parameters.
    valid: [parameters, { ...parameters, tenant: 'contoso' }],
    invalid: [{ ...parameters, itemId: 'x' }, { ...parameters, jobType: undefined }, {}]
  }
  examples[`${operation}Headers`] = {
    valid: [headers, { ...headers, accept: '*/*' }, { 'x-ms-client-tenant-id': id }],
    invalid: [{ ...headers, 'x-ms-client-tenant-id': 'x' }, {}]
  }
}

const item = { workspaceId: id, itemType: 'Contoso.Forecast', itemId: id }
const job = { jobType: 'forecast', jobInstanceId: id }
for (const operation of ['OnCreateJobInstance', 'OnGetJobInstanceStatus', 'OnCancelJobInstance']) {
  examples[`${operation}Params`] = {
    valid: [item, { ...item, tenant: 'contoso' }],
    invalid: [{ ...item, itemId: 'x' }, { ...item, itemType: undefined }, {}]
  }
  examples[`${operation}Headers`] = {
    valid: [headers, { 'x-ms-client-tenant-id': id }], invalid: [{ ...headers, 'x-ms-client-tenant-id': 'x' }, {}]
  }
  examples[`${operation}Body`] = {
    valid: [job, { ...job, more: 1 }],
    invalid: [
      { jobType: 'forecast' }, { jobInstanceId: id }, { ...job, jobType: '' }, { ...job, jobType: 1 }, { ...job, jobInstanceId: 'x' },
      null, [job], 'forecast'
    ]
  }
}
examples['OnCreateJobInstanceBody']?.valid.push({ ...job, executionData: { months: [12] }, definition: {} })
examples['OnCreateJobInstanceBody']?.invalid.push(
  { ...job, executionData: null }, { ...job, executionData: [] }, { ...job, definition: 'text' })
