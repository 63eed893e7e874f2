import { FormatRegistry, Kind, Type, TypeRegistry, type TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { Value } from '@sinclair/typebox/value'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { Value as Value1 } from 'typebox/value'
import { Compile as compile1 } from 'typebox/compile'

import * as schemas from '../../schemas/index.js'
import { definitions } from '../../schemas/index.js'
import { StringEnum } from '../../schemas/string-enum.js'
import { examples } from './examples.js'

/** Every exported schema under its name: the definitions, and each operation's parameters, headers and, in the toolkit, body. */
const exported = Object.entries<object>(schemas).filter((entry): entry is [string, TSchema] => Kind in entry[1])

/** Sets TypeBox's formats for one test, as docs/reference.md describes. */
function setFormats (t: Test) {
  const ajv = addFormats.default(new Ajv())
  for (const format of ['uuid', 'date-time']) FormatRegistry.Set(format, ajv.compile({ type: 'string', format }))
  t.after(() => FormatRegistry.Clear())
}

/** The ways of a host to check a value with a schema alone. */
const checks: Record<string, (schema: TSchema) => (value: unknown) => boolean> = {
  'Value.Check': (schema) => (value) => Value.Check(schema, value),
  'Value.Errors': (schema) => (value) => [...Value.Errors(schema, value)].length === 0,
  'TypeCompiler.Compile': (schema) => {
    const check = TypeCompiler.Compile(schema)
    return (value) => check.Check(value)
  },
  TypeBoxValidatorCompiler: (schema) => {
    const validate = TypeBoxValidatorCompiler({ schema, method: 'POST', url: '/', httpPart: 'body' })
    return (value) => !('error' in Object(validate(value)))
  },
  'Ajv in strict mode': (schema) => addFormats.default(new Ajv({ strict: true })).compile(schema),
  'Value.Check of typebox 1': (schema) => (value) => Value1.Check(schema, value),
  'Compile of typebox 1': (schema) => {
    const check = compile1(schema)
    return (value) => check.Check(value)
  }
}

t.test('Every exported schema has its name as its title, and no $id or $ref', async (t) => {
  t.equal(exported.length, definitions.length + 3 * 2 + 3 * 3)
  for (const [name, schema] of exported) {
    t.equal(schema.title, name)
    t.notMatch(JSON.stringify(schema), /"\$(id|ref)"/, name)
  }
})

for (const [way, compile] of Object.entries(checks)) {
  t.test(`${way} accepts every exported schema without references`, async (t) => {
    setFormats(t)
    t.same(Object.keys(examples).sort(), exported.map(([name]) => name).sort(), 'each schema has examples')
    for (const [name, schema] of exported) {
      const { valid = [], invalid = [] } = examples[name] ?? {}
      const isValid = compile(schema)
      for (const value of valid) t.equal(isValid(value), true, `${name}: ${JSON.stringify(value)}`)
      for (const value of invalid) t.equal(isValid(value), false, `no ${name}: ${JSON.stringify(value)}`)
    }
  })
}

t.test('TypeBox without the formats refuses every value with a format, and names the format', async (t) => {
  const state = { status: 'InProgress', startTimeUtc: '2023-12-10T14:41:39.412Z' }
  t.match([...Value.Errors(schemas.ItemJobInstanceState, state)], [{ message: "Unknown format 'date-time'" }])
  t.equal(Value.Check(schemas.ItemJobInstanceState, { status: 'InProgress' }), true)

  setFormats(t)
  t.equal(Value.Check(schemas.ItemJobInstanceState, state), true)
})

t.test('A StringEnum can be checked without another import', async (t) => {
  TypeRegistry.Clear()
  const size = StringEnum(['S', 'M'])
  StringEnum(['L'])
  t.equal(Value.Check(size, 'S'), true)
  t.equal(Value.Check(size, 'L'), false)
  t.equal(Value.Check(size, 1), false)
  t.strictSame(JSON.parse(JSON.stringify(size)), { type: 'string', enum: ['S', 'M'] })
})

t.test('TypeBox can compose the definitions', async (t) => {
  const { ItemJobInstanceState, NameValuePair } = schemas
  const status = Type.Pick(ItemJobInstanceState, ['status'])
  const check = (schema: TSchema, value: unknown) => TypeCompiler.Compile(schema).Check(value)
  t.equal(check(status, { status: 'Completed' }), true)
  t.equal(check(status, { status: 'Done' }), false)
  t.equal(check(Type.Omit(ItemJobInstanceState, ['startTimeUtc', 'endTimeUtc']), { status: 'Done' }), false)
  t.equal(check(Type.Partial(ItemJobInstanceState), {}), true)
  t.equal(check(Type.Partial(ItemJobInstanceState), { status: 'Done' }), false)
  const both = Type.Composite([status, NameValuePair])
  t.equal(check(both, { status: 'Completed', name: 'n', value: 'v' }), true)
  t.equal(check(both, { status: 'Done', name: 'n', value: 'v' }), false)
  t.strictSame(JSON.parse(JSON.stringify(both.properties.status)), {
    title: 'JobInstanceStatus',
    description: 'The status of the job instance.',
    readOnly: true,
    type: 'string',
    enum: ['NotStarted', 'InProgress', 'Completed', 'Failed', 'Cancelled']
  })
})

t.test('A host\'s own route validates and serializes with every definition, and adds no schema', async (t) => {
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false, strict: true } } })
  t.after(() => app.close())
  for (const definition of definitions) {
    // In an object, because Fastify sends a string of a handler as text.
    const schema = Type.Object({ value: definition })
    app.post(`/${definition.title}`, { schema: { body: schema, response: { 200: schema } } }, (request, reply) => {
      reply.send(request.body)
    })
  }
  await app.ready()
  t.strictSame(app.getSchemas(), {})

  for (const { title } of definitions) {
    const post = (value: unknown) => app.inject({ method: 'POST', url: `/${title}`, payload: { value } })
    const { valid = [], invalid = [] } = examples[String(title)] ?? {}
    for (const value of valid) {
      const { statusCode, body } = await post(value)
      t.strictSame([statusCode, JSON.parse(body)], [200, { value }], String(title))
    }
    for (const value of invalid) t.equal((await post(value)).statusCode, 400, String(title))
  }
})
