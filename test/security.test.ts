import { readFileSync } from 'node:fs'

import t from 'tap'
import ts from 'typescript'

// Each row of SECURITY.md names the tests that show it; these tests have to exist.

const rows = readFileSync('SECURITY.md', 'utf8').split('\n')
  .filter((line) => line.startsWith('| '))
  .filter((line) => !/^\| (---|guarantee) /.test(line))

const read = new Map<string, RegExp[]>()

/** Patterns of the titles of a module's tests; the expressions of a template match any text. */
function titles (module: string): RegExp[] {
  const found = read.get(module) ?? []
  if (read.has(module)) return found
  read.set(module, found)
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && node.expression.getText(source) === 't.test') {
      const [title] = node.arguments
      if (title !== undefined) found.push(new RegExp(`^${pattern(title)}$`))
    }
    ts.forEachChild(node, visit)
  }
  const source = ts.createSourceFile(module, readFileSync(module, 'utf8'), ts.ScriptTarget.Latest)
  visit(source)
  return found
}

function pattern (title: ts.Expression): string {
  if (ts.isStringLiteralLike(title)) return literally(title.text)
  if (!ts.isTemplateExpression(title)) return '(?!)'
  return literally(title.head.text) + title.templateSpans.map(({ literal }) => `.+${literally(literal.text)}`).join('')
}

function literally (text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

t.test('each row of SECURITY.md names tests that exist', async (t) => {
  t.ok(rows.length > 20, `${rows.length} rows`)
  for (const row of rows) {
    const tests = /^\| .+ \| (.+) \|$/.exec(row)?.[1]?.split('<br>') ?? []
    t.ok(tests.length > 0, row)
    for (const named of tests) {
      const [, module, title = ''] = /^`(test\/[\w/-]+\.test\.ts)`: (.+)$/.exec(named) ?? []
      t.ok(module !== undefined && titles(module).some((each) => each.test(title)), named)
    }
  }
})

t.test('a test that does not exist is reported', async (t) => {
  const matching = (title: string) => titles('test/security.test.ts').filter((each) => each.test(title))
  t.equal(matching('a test that does not exist is reported').length, 1)
  t.same(matching('a test that does not exist'), [])
  t.same(titles('test/options.test.ts').filter((each) => each.test('Registration refuses ')), [])
})
