import { isDate } from 'node:util/types'

import { KindGuard, type Static, type TSchema } from '@sinclair/typebox'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'

import { formats, isoString, toUtc } from './formats.js'
import { Bare, propertyOf } from './own-properties.js'

/** A copy of a value that conforms to its schema, or what is wrong with the value. */
export type CheckedCopy<T> = { value: T } | { problem: string }

/**
 * Makes the function that checks a value of the host, such as a callback's answer, against a schema of the contract. It
 * returns a copy, in which:
 *
 * - each property was read once, so that a getter or a proxy cannot show one value to Ajv and another to the serializer;
 * - `null` in an optional property means absent, and properties that the schema does not have are dropped;
 * - a `date-time`, given as a `Date` or as RFC 3339 with an offset, is in UTC with `Z`;
 * - every text is well-formed Unicode, because strict JSON readers refuse half a surrogate pair.
 *
 * Ajv validates the copy. The function that this returns never throws.
 *
 * @example
 * const check = checkedCopy(ItemJobInstanceState)
 * check({ status: 'Completed', endTimeUtc: new Date(0), row: 7 })
 * // { value: { status: 'Completed', endTimeUtc: '1970-01-01T00:00:00.000Z' } }
 */
export function checkedCopy<T extends TSchema> (schema: T): (value: unknown) => CheckedCopy<Static<T>> {
  const copy = copierOf(schema)
  let validate: ValidateFunction<Static<T>> | undefined
  return (value) => {
    try {
      // Compiled when it is first needed, because importing the package should cost no compilation.
      validate ??= new Ajv({ formats, ownProperties: true }).compile<Static<T>>(schema)
      const copied = copy(value)
      return validate(copied) ? { value: copied } : { problem: `${validate.errors?.map(describeProblem).join('; ')}` }
    } catch {
      return { problem: 'must be readable: a getter or a proxy of it threw' }
    }
  }
}

/** Where Ajv found a problem, and what it is: `/status must be equal to one of the allowed values: …`. It contains no value. */
function describeProblem ({ instancePath, keyword, message = 'is invalid', params }: ErrorObject): string {
  const values: unknown = params.allowedValues
  return `${instancePath} ${message}${keyword === 'enum' && Array.isArray(values) ? `: ${values.join(', ')}` : ''}`.trimStart()
}

type Copier = (value: unknown) => unknown

/** Values that are not what the schema says are copied as they are: Ajv then says what is wrong. */
function copierOf (schema: TSchema): Copier {
  if (KindGuard.IsObject(schema)) return objectCopier(schema.properties)
  if (KindGuard.IsArray(schema)) return arrayCopier(schema.items)
  if (KindGuard.IsString(schema)) return schema.format === 'date-time' ? copyTime : copyText
  return (value) => value
}

function objectCopier (properties: Record<string, TSchema>): Copier {
  const copiers = Object.entries(properties).map(([name, schema]) => [name, copierOf(schema)] as const)
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    // Without a prototype: Ajv and the serializer would read an absent property from a polluted Object.prototype.
    const copy = new Bare()
    for (const [name, copyProperty] of copiers) {
      const property = propertyOf(value, name)
      if (property !== undefined && property !== null) copy[name] = copyProperty(property)
    }
    return copy
  }
}

function arrayCopier (items: TSchema): Copier {
  const copyItem = copierOf(items)
  return (value) => {
    if (!Array.isArray(value)) return value
    const copy: unknown[] = []
    for (const item of value) {
      copy.push(copyItem(item))
      // Invalid in any array of the contract: there is no need to walk through a huge array of holes.
      if (item === undefined) break
    }
    return copy
  }
}

function copyText (value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value
}

function copyTime (value: unknown): unknown {
  if (isDate(value)) return isoString(Date.prototype.getTime.call(value)) ?? String(NaN)
  return typeof value === 'string' ? toUtc(value) ?? value : value
}
