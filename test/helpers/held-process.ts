/** Environment variables for a server in another process, whose responses are checked too: see test/every-answer/. */
export const HELD = { NODE_OPTIONS: `--import=${new URL('../every-answer/hold.mjs', import.meta.url)}` }
