/** What Fastify logs of a connection whose bytes Node could not parse: all of them, as the README says. */
const UNPARSABLE = /^client (?:error|header_overflow)$/
/** The beginning of a token: inside a word, and before a few letters, `eyJ` may be part of a name. */
const TOKEN = /(?<![\w-])eyJ[\w-]{10}/
/** `eyJ`, as a buffer is logged. */
const BYTES_OF_EYJ = '101,121,74'

/** What nobody logs who answers each poll once: there is no handlerTimeout on the host that logs. */
const UNREASONABLE = /handlerTimeout|already (?:been )?sent|reply\.sent/i

/** Reads the log as it is written, and finds what must not be in it. */
export class LogJudge {
  lines = 0
  unparsableLines = 0
  readonly #sent: string
  readonly #onFault: (what: string) => void

  /** @param sent All that has been sent: no long run of a token's letters may come back. */
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
