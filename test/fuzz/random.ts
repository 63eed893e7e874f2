/** A reproducible random generator: the same seed makes the same choices. */
export class Random {
  #state: number

  constructor (...seeds: number[]) {
    this.#state = seeds.reduce((state, seed) => scramble(state ^ seed), 0x9e3779b9)
  }

  /** From 0 to below 1. */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    return scramble(this.#state) / 2 ** 32
  }

  /** A whole number from 0 to below `end`. */
  below (end: number): number {
    return Math.floor(this.next() * end)
  }

  /** A whole number, both ends included. */
  between (least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True with this probability, in percent. */
  percent (chance: number): boolean {
    return this.next() * 100 < chance
  }

  pick<T> (values: readonly T[]): T {
    const value = values[this.below(values.length)]
    if (value === undefined && !(0 in values)) throw new RangeError('There is nothing to choose from')
    return value as T
  }

  /** Random text of these characters, up to a maximum length. */
  text (characters: readonly string[], most: number): string {
    return Array.from({ length: this.between(0, most) }, () => this.pick(characters)).join('')
  }

  uuid (): string {
    return 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'.replace(/x/g, () => this.below(16).toString(16))
  }
}

/** Hashes 32 bits. */
function scramble (bits: number): number {
  let mixed = bits
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
