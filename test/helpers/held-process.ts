/** For the environment of a server in a process of its own: there too each answer is held, see test/every-answer/. */
export const HELD = { NODE_OPTIONS: `--import=${new URL('../every-answer/hold.mjs', import.meta.url)}` }
