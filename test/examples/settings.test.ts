import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import t, { type Test } from 'tap'

import { readSettings } from '../../examples/workload/settings.js'
import { startProcess } from './server-process.js'

t.setTimeout(180_000)

const FABRIC = {
  FABRIC_PUBLISHER_TENANT_ID: '1c9f6a3e-58d4-4b07-9a2e-6f0d7b815c42',
  FABRIC_AUDIENCE: 'api://contoso.example/a',
  FABRIC_CLIENT_ID: '7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c'
}

t.test('Each variable has a default, and an empty one counts as absent', async (t) => {
  const defaults = {
    host: '127.0.0.1',
    port: 3000,
    logLevel: 'info',
    dataDir: 'data',
    databaseUrl: undefined,
    redisUrl: 'redis://127.0.0.1:6379',
    drainSeconds: 0,
    authentication: undefined
  }
  t.strictSame(readSettings({}, false), defaults)
  t.strictSame(readSettings({ HOST: '', PORT: '', LOG_LEVEL: '', DATA_DIR: '', DATABASE_URL: '', FABRIC_CLIENT_ID: '' }, false), defaults)
  t.equal(readSettings({}, true).logLevel, 'warn', 'on a terminal')
})

t.test('Each variable sets an option of the server', async (t) => {
  const env = {
    ...FABRIC,
    FABRIC_AUDIENCE: 'api://contoso.example/a 7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c',
    ENTRA_AUTHORITY: 'https://a.example',
    ENTRA_ISSUER_V1: 'https://b.example',
    ENTRA_JWKS_URI: 'https://c.example/keys',
    HOST: '::',
    PORT: '0',
    LOG_LEVEL: 'debug',
    DATA_DIR: '/data',
    DATABASE_URL: 'postgresql://a:b@c:1/d',
    REDIS_URL: 'rediss://a:b@c:1',
    DRAIN_SECONDS: '5',
    NODE_ENV: 'production'
  }
  t.strictSame(readSettings(env, false), {
    host: '::',
    port: 0,
    logLevel: 'debug',
    dataDir: '/data',
    databaseUrl: 'postgresql://a:b@c:1/d',
    redisUrl: 'rediss://a:b@c:1',
    drainSeconds: 5,
    authentication: {
      publisherTenantId: FABRIC.FABRIC_PUBLISHER_TENANT_ID,
      audience: ['api://contoso.example/a', FABRIC.FABRIC_CLIENT_ID],
      clientId: FABRIC.FABRIC_CLIENT_ID,
      authority: 'https://a.example',
      issuerV1: 'https://b.example',
      jwksUri: 'https://c.example/keys'
    }
  })
})

t.test('All wrong variables are reported at once, without a password and with a limited length', async (t) => {
  const wrong = { PORT: `${'9'.repeat(200)}`, DATABASE_URL: 'mysql://a:secret@b/c', NODE_ENV: 'production' }
  t.throws(() => readSettings(wrong, false), {
    message: `PORT must be a whole number from 0 to 65535, not "${'9'.repeat(100)}…".\n` +
      'DATABASE_URL must be a URL such as postgres://user:password@host:5432/database.\n' +
      'FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and FABRIC_CLIENT_ID must be set: ' +
      'with NODE_ENV=production the server does not accept simulated keys.'
  })
})

/** A port that is not free. */
async function takenPort (t: Test): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return String((server.address() as AddressInfo).port)
}

const taken = await takenPort(t)
const uuid = 'a UUID of 36 characters'
const https = 'an https:// address'
const SERVER = 'dist/examples/server.js'
const wrong: Array<[settings: Record<string, string>, message: string, server?: string]> = [
  [{ HOST: 'http://127.0.0.1' }, 'HOST must be an IP address or a host name, such as 0.0.0.0, not "http://127.0.0.1".'],
  [{ HOST: '192.0.2.1' }, 'HOST must be an address of this machine, such as 127.0.0.1 or 0.0.0.0, not "192.0.2.1".'],
  [{ PORT: 'http' }, 'PORT must be a whole number from 0 to 65535, not "http".'],
  [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535, not "65536".'],
  [{ PORT: taken }, `PORT must be a free port, not ${taken}: another process listens there on 127.0.0.1.`],
  [{ LOG_LEVEL: 'verbose' }, 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "verbose".'],
  [{ DATA_DIR: 'package.json' }, 'DATA_DIR must be a folder that the server can write to, not "package.json": EEXIST.'],
  [{ DATABASE_URL: 'localhost:5432' }, 'DATABASE_URL must be a URL such as postgres://user:password@host:5432/database.'],
  [{ DATABASE_URL: 'postgres://a:secret@127.0.0.1:1/c' },
    'DATABASE_URL must lead to a PostgreSQL that the server may use: connect ECONNREFUSED 127.0.0.1:1.'],
  [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL must be a URL such as redis://user:password@host:6379.'],
  [{ REDIS_URL: 'redis://a:secret@127.0.0.1:1' },
    'REDIS_URL must lead to a Redis that the server may use: connect ECONNREFUSED 127.0.0.1:1.', 'dist/examples/bullmq.js'],
  [{ DRAIN_SECONDS: '5s' }, 'DRAIN_SECONDS must be a whole number from 0 to 300, not "5s".'],
  [{ NODE_ENV: 'production' }, 'FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and FABRIC_CLIENT_ID must be set: with NODE_ENV=production ' +
    'the server does not accept simulated keys.'],
  [{ FABRIC_CLIENT_ID: FABRIC.FABRIC_CLIENT_ID }, 'FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and FABRIC_CLIENT_ID must be set, ' +
    'all three: FABRIC_CLIENT_ID has no effect without them.'],
  [{ ENTRA_AUTHORITY: 'https://a.example', ENTRA_JWKS_URI: 'https://a.example' }, 'FABRIC_PUBLISHER_TENANT_ID, FABRIC_AUDIENCE and ' +
    'FABRIC_CLIENT_ID must be set, all three: ENTRA_AUTHORITY, ENTRA_JWKS_URI have no effect without them.'],
  [{ ...FABRIC, FABRIC_PUBLISHER_TENANT_ID: 'contoso.example' }, `FABRIC_PUBLISHER_TENANT_ID must be ${uuid}`],
  [{ ...FABRIC, FABRIC_AUDIENCE: ' ' }, 'FABRIC_AUDIENCE must be a list of at least one'],
  [{ ...FABRIC, FABRIC_CLIENT_ID: '1' }, `FABRIC_CLIENT_ID must be ${uuid}`],
  [{ ...FABRIC, ENTRA_AUTHORITY: 'login.microsoftonline.us' }, `ENTRA_AUTHORITY must be ${https}`],
  [{ ...FABRIC, ENTRA_ISSUER_V1: 'http://a.example' }, `ENTRA_ISSUER_V1 must be ${https}`],
  [{ ...FABRIC, ENTRA_JWKS_URI: 'https://a.example/{tenantid}/keys' }, 'ENTRA_JWKS_URI must be the address of the keys of all tenants']
]

for (const [settings, message, server = SERVER] of wrong) {
  const given = Object.entries(settings).filter((pair) => !Object.entries(FABRIC).some((same) => String(same) === String(pair)))
  t.test(`The server does not start with ${given.map((pair) => pair.join('=')).join(' ') || 'one of three'}, and one line says what to write`,
    async (t) => {
      const { status, stdout, stderr } = await end(t, settings, server)
      t.equal(status, 1)
      t.ok(stderr.startsWith(message), stderr)
      t.match(stderr, /^[^\n]+\n$/, 'one line')
      t.notMatch(stderr + stdout, /secret|\n +at /, 'no password, no stack')
    })
}

async function end (t: Test, settings: Record<string, string>, server: string) {
  const started = startProcess(join(t.testdir(), 'data'), settings, { command: [process.execPath, server] })
  t.teardown(() => started.kill('SIGKILL'))
  if (started.stdout === null || started.stderr === null) throw new Error('no output')
  const [stdout, stderr, [status]] = await Promise.all([text(started.stdout), text(started.stderr), once(started, 'exit')])
  return { status, stdout, stderr }
}

t.test('The README lists each variable of the server', async (t) => {
  const source = readFileSync('examples/workload/settings.ts', 'utf8')
  const names = new Set(source.match(/\b(?:HOST|PORT|LOG_LEVEL|DATA_DIR|DATABASE_URL|REDIS_URL|DRAIN_SECONDS|NODE_ENV|(?:FABRIC|ENTRA)_[A-Z\d_]+)\b/g))
  t.equal(names.size, 14)
  const readme = readFileSync('README.md', 'utf8')
  for (const name of names) t.match(readme, `\`${name}\``)
})
