/**
 * A copy of an object that inherits nothing: with a polluted `Object.prototype`, what nobody has written stays absent. For
 * values whose absent properties decide something: options, claims, headers of tokens.
 */
export function ownCopy<T extends object> (value: T): T {
  return Object.assign(Object.create(null), value)
}

/** An empty object without `Object.prototype`. V8 is faster with it than with `Object.create(null)`, a hash table. */
export class Bare {
  [name: string]: unknown
}
Object.setPrototypeOf(Bare.prototype, null)

/**
 * A property of an object or of its class. What `Object.prototype` has was not given by anybody: with a polluted one,
 * absent properties stay absent.
 */
export function propertyOf (value: object, name: string): unknown {
  return Object.hasOwn(Object.prototype, name) && !Object.hasOwn(value, name) ? undefined : Reflect.get(value, name)
}
