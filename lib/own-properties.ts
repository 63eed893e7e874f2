/**
 * A copy of an object that inherits nothing: with a polluted `Object.prototype`, what nobody has written stays absent. For
 * values whose absent properties decide something: options, claims, headers of tokens.
 */
export function ownCopy<T extends object> (value: T): T {
  return Object.assign(Object.create(null), value)
}

/**
 * A property of an object or of its class. What `Object.prototype` has was not given by anybody: with a polluted one,
 * absent properties stay absent.
 */
export function propertyOf (value: object, name: string): unknown {
  return Object.hasOwn(Object.prototype, name) && !Object.hasOwn(value, name) ? undefined : Reflect.get(value, name)
}
