import { isUuid } from './subject-and-app/uuid.js'

/**
 * Ajv's formats for the contract, stricter than those of ajv-formats: a `uuid` has 36 characters (no `urn:uuid:`), a
 * `date-time` has an offset, no leap second, and a date of the calendar.
 */
export const formats = {
  uuid: (text: string) => isUuid(text),
  'date-time': (text: string) => toUtc(text) !== undefined
}

/** A time that is in the sent format already, on any day except February 29: this common case needs no parsing. */
const CANONICAL = new RegExp('^\\d{4}-' +
  '(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)' +
  'T(?:[01]\\d|2[0-3])(?::[0-5]\\d){2}\\.\\d{3}Z$')

const RFC_3339 =
  /^(\d{4}-\d\d-\d\d)[Tt](?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** An RFC 3339 date-time in UTC with `Z`, in milliseconds; `undefined` for any other text. */
export function toUtc (text: string): string | undefined {
  if (CANONICAL.test(text)) return text
  const date = RFC_3339.exec(text)?.[1]
  return date !== undefined && isCalendarDate(date) ? isoString(Date.parse(text.toUpperCase())) : undefined
}

/** RFC 3339 cannot represent other years. */
const YEAR_0 = Date.UTC(-1, 12)
const YEAR_9999 = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Milliseconds since 1970 as an RFC 3339 date-time in UTC; `undefined` for NaN and for years that have no such form. */
export function isoString (time: number): string | undefined {
  return time >= YEAR_0 && time <= YEAR_9999 ? new Date(time).toISOString() : undefined
}

/** `Date.parse` turns February 30 into March 2: a date exists if it is the same after parsing and formatting. */
function isCalendarDate (date: string): boolean {
  return isoString(Date.parse(date))?.startsWith(date) ?? false
}
