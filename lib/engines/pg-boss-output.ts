/**
 * The output of a job, as PostgreSQL can store it: in its JSON there is no NUL and no half of a surrogate pair, so U+FFFD
 * replaces them. Otherwise pg-boss fails the job with PostgreSQL's error in place of the handler's, and tries it again.
 */
export function storableOutput (output: unknown): unknown {
  const plain = output instanceof Error
    ? { ...output, name: output.name, message: output.message, stack: output.stack }
    : output
  return UNSTORABLE_IN_JSON.test(asJson(plain)) ? JSON.parse(asJson(plain, replaced)) : output
}

const UNSTORABLE_IN_JSON = /\\u(?:0000|d[89a-f])/
const UNSTORABLE = /\0|\p{Surrogate}/gu

/** An empty text for what is not JSON, as a circular object: pg-boss has its own form for it. */
function asJson (value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  try {
    return JSON.stringify(value, replacer) ?? ''
  } catch {
    return ''
  }
}

function replaced (_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replace(UNSTORABLE, '\uFFFD') : value
}
