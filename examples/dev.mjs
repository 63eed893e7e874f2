// `npm run dev`: rebuilds after each change and restarts the server of `npm start`. Ctrl-C ends both.
import { spawn } from 'node:child_process'

const processes = [
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
  ['--watch', '--watch-preserve-output', 'dist/examples/server.js']
].map((args) => spawn(process.execPath, args, { stdio: 'inherit' }))

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => processes.forEach((each) => each.kill(signal)))
