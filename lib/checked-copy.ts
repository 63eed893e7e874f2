import { isDate } from 'node:util/types'

import { KindGuard, type Static, type TSchema } from '@sinclair/typebox'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'

import { formats, isoString, toUtc } from './formats.js'
import { Bare, propertyOf } from './own-properties.js'

/** A copy of a value that conforms to its schema, or a description of the problem. */
export type CheckedCopy<T> = { value: T } | { problem: string }

/**
 * Makes a function that checks a value of the host, such as a callback's result, against a schema of the contract. That
 * function returns a copy, in which:
 *
 * - each property was read once, so that a getter or a proxy cannot show one value to Ajv and another to the serializer;
 * - optional properties that are `null` are left out, and so are properties that the schema does not have;
 * - a `date-time`, given as a `Date` or as RFC 3339 with an offset, is in UTC with `Z`;
 * - every text is well-formed Unicode, because strict JSON parsers refuse lone surrogates.
 *
 * Ajv validates the copy. The returned function never throws.
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
      // Compiled on first use, so that importing the package compiles nothing.
      validate ??= new Ajv({ formats }).compile<Static<T>>(schema)
      const copied = copy(value)
      return validate(copied) ? { value: copied } : { problem: `${validate.errors?.map(describeProblem).join('; ')}` }
    } catch {
      return { problem: 'must be readable: a getter or a proxy of it threw' }
    }
  }
}

/** The place and the kind of a problem: `/status must be equal to one of the allowed values: …`. Contains no value. */
function describeProblem ({ instancePath, keyword, message = 'is invalid', params }: ErrorObject): string {
  const values: unknown = params.allowedValues
  return `${instancePath} ${message}${keyword === 'enum' && Array.isArray(values) ? `: ${values.join(', ')}` : ''}`.trimStart()
}

type Copier = (value: unknown) => unknown

/** Values of another type than the schema's are copied unchanged: Ajv then reports the problem. */
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
      // An undefined item is invalid in every array of the contract: stop here, so that a huge sparse array is not traversed.
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
