const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** Whether a value is a uuid in its 36 characters and no more, in either case. */
export function isUuid (value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value)
}
