/** What Fastify and its loaders give to every plugin. */
const FASTIFYS = ['prefix', 'logLevel', 'logSerializers']

/** The names of options that are neither of the plugin nor of Fastify. Loaders of plugins hand on options of their own. */
export function unknownNames (options: object, known: readonly string[]): string[] {
  return Object.keys(options).filter((name) => !known.includes(name) && !FASTIFYS.includes(name))
}

/**
 * The options that a name is nearly: those of which one or two letters are wrong (`resolverTimout`), else those that contain the
 * name (`timeout`) or begin like it (`resolver`).
 */
export function similarNames (name: string, known: readonly string[]): string[] {
  const written = name.toLowerCase()
  const misspelt = known.filter((each) => distance(written, each.toLowerCase()) <= tolerance(each))
  if (misspelt.length > 0 || written.length < SIGNIFICANT) return misspelt
  const beginning = written.slice(0, SIGNIFICANT)
  return known.filter((each) => each.toLowerCase().includes(written) || each.toLowerCase().startsWith(beginning))
}

/** How many letters of a name may be wrong: none of a short one, to which other words are as near (`app` to `api`). */
function tolerance ({ length }: string): number {
  if (length < SHORT) return 0
  return length < LONG ? 1 : 2
}

const SHORT = 4
const LONG = 10
/** So many letters say what is meant: `resolve`, `timeout`, `authent`. */
const SIGNIFICANT = 7

/** How many letters have to be inserted, removed or replaced to make one text of the other (Levenshtein). */
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
