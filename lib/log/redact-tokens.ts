/** The length from which a run of base64url characters may be part of a token. */
const LONG_RUN = 50

/**
 * Text that may be a token, or part of one. `eyJ` is the base64url of `{"`, so a token begins with it: at the beginning of a run
 * of base64url characters, or anywhere if the second part of the token begins with it too. Within a word, as in `SurveyJobs`, it
 * does not begin a token. Without its beginning, a token is a long run.
 */
const CANDIDATES = new RegExp([
  String.raw`(?<![\w-])eyJ[\w-]{10,}(?:\.[\w-]*)*`,
  String.raw`eyJ[\w-]{1,512}\.eyJ[\w-]*(?:\.[\w-]*)*`,
  String.raw`[\w-]{${LONG_RUN},}`
].join('|'), 'g')

/** Replaces each token in a text by `[token]`, and also the parts of a token that another character splits. */
export function redactTokens (text: string): string {
  if (text.length < LONG_RUN && !text.includes('eyJ')) return text
  return text.replace(CANDIDATES, (found) => found.startsWith('eyJ') || isEncoded(found) ? '[token]' : found)
}

/** Whether a text contains a token, or part of one. */
export function containsToken (text: string): boolean {
  return redactTokens(text) !== text
}

/**
 * Whether a long run of base64url characters contains encoded data. Identifiers (table, index and class names, UUIDs,
 * hexadecimal hashes) consist of words; encoded data mixes upper case, lower case and digits.
 */
function isEncoded (run: string): boolean {
  const step = LONG_RUN / 2
  for (let start = 0; start < run.length - step; start += step) {
    // The last part overlaps the one before, so that all parts have the same length.
    if (averageWord(run.slice(Math.min(start, run.length - LONG_RUN)).slice(0, LONG_RUN)) < SHORT_WORDS) return true
  }
  return false
}

/** Average word length, in characters: about 2 in tokens, seldom 3; 4 and more in names. */
const SHORT_WORDS = 3.75

const WORD = /[\da-f]{4,}|[\dA-F]{4,}|[A-Z]?[a-z]+|[A-Z]+|\d+/g

function averageWord (text: string): number {
  return text.length / (text.match(WORD)?.length ?? 1)
}
