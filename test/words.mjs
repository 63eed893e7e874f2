// `npm run words`: counts phrases that the project's English avoids, in all tracked texts, and fails if there are any.
// With paths it reads only these: `npm run words -- docs lib`. Line breaks within a phrase are ignored.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The phrases, and what to write instead. */
const PHRASES = [
  [/What \{@link/, 'Options of {@link X}'],
  [/\/\*\* (?:What|Whoever|Who) /, 'a noun: the response, the headers, the caller'],
  [/\bof (?:one's|your|its|their|our|his) own\b/, 'your, another, separate'],
  [/\b(?:tells?|told)\b/, 'reports, shows, returns'],
  [/\b(?:who|what|which)(?:so)?ever is\b/, 'anyone who, any'],
  [/\bwhoever\b/i, 'anyone who'],
  [/\bas if (?:it|there) (?:were|was)\b/, 'like'],
  [/\bsomebody else\b/, 'another caller'],
  [/\banybody else\b/, 'any other caller'],
  [/\bnobody (?:but|is|gets|has|can|may|else)\b/, 'no caller, only'],
  [/\b(?:a|one|the) stranger\b/, 'an unauthenticated request'],
  [/\bknows no such\b/, 'was not found'],
  [/\bcould be had\b/, 'could be retrieved'],
  [/\b(?:does|do|did) not hold\b/, 'is invalid'],
  [/\b(?:tokens?|pairs?|claims?|signatures?) (?:that )?holds?\b/, 'is valid'],
  [/\bheld against\b/, 'compared with, checked against'],
  [/\bholds (?:no|the|a|an|every|what|it)\b/i, 'contains'],
  [/\b(?:bears)?[Ss]tamps?\b(?!Job)/, 'owner'],
  [/\bhow it was let in\b/i, 'the caller'],
  [/\bshed what is too much\b/, 'load shedding'],
  [/\bstays? in its room\b/, 'is encapsulated'],
  [/\bleaves? the route\b/, 'is sent'],
  [/\boff (?:it|the contract)\b/, 'does not conform'],
  [/\bon the contract\b/, 'conforms to the contract'],
  [/\bthe answer is one and the same\b/, 'the response is the same'],
  [/\bknows? (?:every|nothing|it by)\b/, 'contains, supports'],
  [/\bnot be told\b/, 'failed to get'],
  [/\b(?:gives? way|goes wrong by|in whichever way)\b/, 'fails'],
  [/\b(?:first sights?|at first sight)\b/, 'new token'],
  [/\btakes? its time\b/, 'is slow'],
  [/\bhow (?:it is|they are|jobs are) doing\b/, 'the state'],
  [/\bmade up\b/, 'sample'],
  [/\b(?:believes?|believed) (?:it|them|her|whoever|everybody)\b/, 'trusts']
]

const TEXTS = /\.(?:md|ts|mjs|js|html)$/
const self = fileURLToPath(import.meta.url)

const files = execFileSync('git', ['ls-files', '--', ...process.argv.slice(2)], { encoding: 'utf8' }).split('\n')
  .filter((file) => TEXTS.test(file) && !self.endsWith(file))
  .map((file) => ({ file, text: readFileSync(file, 'utf8') }))
  // Generated modules have the words of the contract.
  .filter(({ text }) => !text.startsWith('// Generated '))

/** The text of a file with each line break, and the comment mark after it, as one space; and the line of each position. */
function flatten (text) {
  const lineStarts = []
  let flat = ''
  for (const line of text.split('\n')) {
    lineStarts.push(flat.length)
    flat += line.replace(/^\s*(?:\*(?!\/)|\/\/)?\s*/, '') + ' '
  }
  return { flat, lineOf: (position) => lineStarts.findLastIndex((start) => start <= position) + 1 }
}

const counts = PHRASES.map(([pattern, instead]) => ({ pattern, instead, places: [] }))
for (const { file, text } of files) {
  const { flat, lineOf } = flatten(text)
  for (const { pattern, places } of counts) {
    for (const { index } of flat.matchAll(new RegExp(pattern, `${pattern.flags}g`))) places.push(`${file}:${lineOf(index)}`)
  }
}

const width = Math.max(...counts.map(({ pattern }) => pattern.source.length))
for (const { pattern, instead, places } of counts) {
  console.log(`${pattern.source.padEnd(width)}  ${String(places.length).padStart(4)}  ${places.length === 0 ? '' : `write: ${instead}`}`)
  for (const place of places) console.log(`  ${place}`)
}
const total = counts.reduce((sum, { places }) => sum + places.length, 0)
console.log(`${total} in ${files.length} files`)
process.exitCode = total === 0 ? 0 : 1
