/** Characters of base64url that are long enough to be part of a token rather than a name. */
const LONG_RUN = 50

/**
 * What may be a token, or part of one. `eyJ` is the base64url of `{"`. A token begins with it at the beginning of a run of
 * base64url, or anywhere if its second part begins with it too; inside a word alone, as in `SurveyJobs`, it begins none.
 * The rest of a token that was cut in two is a long run.
 */
const CANDIDATES = new RegExp([
  String.raw`(?<![\w-])eyJ[\w-]{10,}(?:\.[\w-]*)*`,
  String.raw`eyJ[\w-]{1,512}\.eyJ[\w-]*(?:\.[\w-]*)*`,
  String.raw`[\w-]{${LONG_RUN},}`
].join('|'), 'g')

/** Replaces each token in a text, and what is left of one that another character cuts in two, by `[token]`. */
export function redactTokens (text: string): string {
  if (text.length < LONG_RUN && !text.includes('eyJ')) return text
  return text.replace(CANDIDATES, (found) => found.startsWith('eyJ') || isEncoded(found) ? '[token]' : found)
}

/** Whether a text has a token in it, or part of one. */
export function containsToken (text: string): boolean {
  return redactTokens(text) !== text
}

/**
 * Whether a long run of base64url is encoded data, or has some in it. Identifiers (table, index and class names, UUIDs,
 * hashes in hexadecimal) are made of words; in encoded data letters of either case and digits alternate.
 */
function isEncoded (run: string): boolean {
  const step = LONG_RUN / 2
  for (let start = 0; start < run.length - step; start += step) {
    // The last stretch overlaps the one before, so that each is as long as the others.
    if (averageWord(run.slice(Math.min(start, run.length - LONG_RUN)).slice(0, LONG_RUN)) < SHORT_WORDS) return true
  }
  return false
}

/** Between what stretches of tokens have on average (about 2 characters, seldom 3) and names have (4 and more). */
const SHORT_WORDS = 3.75

const WORD = /[\da-f]{4,}|[\dA-F]{4,}|[A-Z]?[a-z]+|[A-Z]+|\d+/g

function averageWord (text: string): number {
  return text.length / (text.match(WORD)?.length ?? 1)
}
