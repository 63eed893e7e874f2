/** Fastify logs the bytes of a request that Node could not parse, as SECURITY.md says. */
const UNPARSABLE = /^client (?:error|header_overflow)$/
/** The beginning of a token: within a word, or before a few letters only, `eyJ` may be part of a name. */
const TOKEN = /(?<![\w-])eyJ[\w-]{10}/
/** `eyJ` in a logged buffer. */
const BYTES_OF_EYJ = '101,121,74'

/** Log lines that must not appear, because the host that logs has no handlerTimeout. */
const UNREASONABLE = /handlerTimeout|already (?:been )?sent|reply\.sent/i

/** Reads the log while it is written, and finds forbidden text. */
export class LogJudge {
  lines = 0
  unparsableLines = 0
  readonly #sent: string
  readonly #onFault: (what: string) => void

  /** @param sent All sent bytes: the log must not contain a long part of a token. */
  constructor (sent: string, onFault: (what: string) => void) {
    this.#sent = sent
    this.#onFault = onFault
  }

  read (line: string): void {
    this.lines++
    if (TOKEN.test(line) || this.#hasRunOfLetters(line)) this.#onFault(`a token in the log: ${line}`)
    if (UNREASONABLE.test(line)) this.#onFault(`a complaint without a reason: ${line}`)
    if (!line.includes(BYTES_OF_EYJ)) return
    const { msg }: { msg: string } = JSON.parse(line)
    if (UNPARSABLE.test(msg)) this.unparsableLines++
    else this.#onFault(`the bytes of a token in the log: ${line}`)
  }

  #hasRunOfLetters (line: string): boolean {
    return (line.match(/[\w-]{50,}/g) ?? []).some((letters) => this.#sent.includes(letters))
  }
}
