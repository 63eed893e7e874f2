import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import ts from 'typescript'

// The snippets of docs/, as their readers have them: they import the build by the package's name.

/** The TypeScript of docs/, by page and heading. */
const snippets = new Map<string, string>()
for (const page of readdirSync('docs').filter((name) => name.endsWith('.md'))) {
  let heading = ''
  for (const [, title, code] of readFileSync(join('docs', page), 'utf8').matchAll(/^#+ (.+)$|^```ts\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title
    if (code !== undefined) snippets.set(`${page}: ${heading}`, code)
  }
}

t.test('each snippet of docs/ compiles', async (t) => {
  const folder = t.testdir(Object.fromEntries([...snippets.values()].map((code, i) => [`${i}.mts`, code])))
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.')
  const modules = [...snippets.keys()].map((_, i) => join(folder, `${i}.mts`))
  const program = ts.createProgram(modules, { ...options, noEmit: true, rootDir: process.cwd() })
  t.ok(modules.length > 0)
  t.strictSame(ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => [file?.fileName, messageText]), [])
})

/** Writes a snippet, and what follows it, as a module that Node runs, and gives its address. */
function moduleOf (t: Test, code: string, after = ''): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  const folder = t.testdir({ 'snippet.mjs': ts.transpileModule(code, { compilerOptions }).outputText + after })
  return pathToFileURL(join(folder, 'snippet.mjs')).href
}

async function appOf (t: Test, code: string): Promise<FastifyInstance> {
  const { app }: { app: FastifyInstance } = await import(moduleOf(t, code))
  t.teardown(() => app.close())
  return app
}

async function firstLine (log: NodeJS.ReadableStream, part: string): Promise<string> {
  for await (const line of createInterface(log)) if (line.includes(part)) return line
  throw new Error(`The log ended without a line with "${part}"`)
}

const runs: Record<string, (t: Test, code: string) => Promise<void>> = {
  async 'authentication.md: Clouds' (t, code) {
    const app = await appOf(t, code)
    const { statusCode } = await app.inject('/workspaces/1/items/2/3/jobTypes/4/instances/5')
    t.equal(statusCode, 401)
  },

  async 'authentication.md: Proxies' (t, code) {
    const proxy = createServer()
    t.teardown(() => proxy.close())
    proxy.on('connect', (_, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'))
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port } = proxy.address() as AddressInfo
    const server = `
      import Fastify from 'fastify'
      import { subjectAndApp } from 'fastify-fabric-job-state'
      const app = Fastify({ logger: true })
      const id = '7e2b9d50-c1a8-4f63-8e15-a94d03b6f27c'
      await app.register(subjectAndApp, { publisherTenantId: id, clientId: id, audience: 'api://contoso.example' })
      await app.listen({ host: '127.0.0.1', port: 0 })
    `
    const child = spawn(process.execPath, ['--input-type=module', '--eval', `import ${JSON.stringify(moduleOf(t, code, server))}`], {
      env: { ...process.env, NODE_OPTIONS: '', HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '' }
    })
    t.teardown(() => child.kill())
    const [request] = await once(proxy, 'connect')
    t.equal(request.url, 'login.microsoftonline.com:443')
    t.match(await firstLine(child.stdout, 'signing keys could not be retrieved'), 'Proxy response (407)')
  },

  async 'authentication.md: 431 from Node.js' (t, code) {
    const app = await appOf(t, code)
    app.get('/', () => 'accepted')
    const response = await fetch(await app.listen({ host: '127.0.0.1', port: 0 }), { headers: { authorization: 'x'.repeat(40_000) } })
    t.equal(await response.text(), 'accepted')
  }
}

t.same([...snippets.keys()].sort(), Object.keys(runs).sort(), 'each snippet of docs/ has a run')

for (const [name, run] of Object.entries(runs)) {
  t.test(`the snippet of ${name} runs`, (t) => run(t, snippets.get(name) ?? ''))
}
