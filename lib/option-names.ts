/** Options that Fastify and its loaders pass to every plugin. */
const FASTIFY_OPTIONS = ['prefix', 'logLevel', 'logSerializers']

/** The names of options that belong neither to the plugin nor to Fastify. Loaders of plugins pass on other options. */
export function unknownNames (options: object, known: readonly string[]): string[] {
  return Object.keys(options).filter((name) => !known.includes(name) && !FASTIFY_OPTIONS.includes(name))
}

/**
 * The options with a similar name: those that differ in one or two letters (`resolverTimout`), else those that contain the
 * name (`timeout`) or begin like it (`resolver`).
 */
export function similarNames (name: string, known: readonly string[]): string[] {
  const written = name.toLowerCase()
  const misspelt = known.filter((each) => distance(written, each.toLowerCase()) <= tolerance(each))
  if (misspelt.length > 0 || written.length < SIGNIFICANT) return misspelt
  const beginning = written.slice(0, SIGNIFICANT)
  return known.filter((each) => each.toLowerCase().includes(written) || each.toLowerCase().startsWith(beginning))
}

/** The number of letters that may differ: none in a short name, because other words are as similar (`app` and `api`). */
function tolerance ({ length }: string): number {
  if (length < SHORT) return 0
  return length < LONG ? 1 : 2
}

const SHORT = 4
const LONG = 10
/** This many letters are enough to recognize an option: `resolve`, `timeout`, `authent`. */
const SIGNIFICANT = 7

/** The Levenshtein distance: how many letters have to be inserted, removed or replaced. */
function distance (from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      next.push(Math.min(at(row, j) + Number(letter !== other), at(row, j + 1) + 1, at(next, j) + 1))
    }
    row = next
  }
  return at(row, to.length)
}

function at (row: readonly number[], index: number): number {
  return Number(row[index])
}
