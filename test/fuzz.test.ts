import t from 'tap'

import { fuzz } from './fuzz/run.js'

// The first few thousand requests of a run of `npm run fuzz`. A failure says how to repeat it alone.

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)

t.test(`Random requests and resolvers break none of the three promises (SEED=${seed})`, async (t) => {
  const { violations, requests, asked, answers, logLines } = await fuzz({ seed, requests: 3_000, atOnce: 32 })
  t.same(violations, [])
  t.ok(requests >= 3_000, `${requests} requests, ${logLines} lines of the log`)
  t.ok(asked > requests / 4, `the resolver was asked ${asked} times`)
  for (const answer of ['200 route', '400 route', '401 route', '404 route', '500 route', '504 route', '404 Fastify', '400 parser', '417 Node']) {
    t.ok(answers.count(answer), `${answers.count(answer)} times ${answer}`)
  }
})
