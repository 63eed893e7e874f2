import type { JobInstance } from '../../lib/index.js'
import type { Random } from './random.js'

/** The path of a request and its destination. */
export interface Target {
  name: string
  path: string
  /** The expected destination; `any` if it depends on Node's parser and the router. */
  leadsTo: 'resolver' | 'bad parameter' | 'bad url' | 'too long' | 'nowhere' | 'any'
  /** The job that the resolver must get. */
  job?: JobInstance
}

/** The maxParamLength of the hosts. */
export const LONGEST_PARAM = 256

const ASCII = [...'abcXYZ019.-_~ /?#%&=+;:@\'"\\<>{}|^`*()$!,[]\x01\x7f']
const LETTERS = [...ASCII, 'ä', 'ß', '\u0301', '工', '\u202e', '😀', '\ufeff', '\0', '\r', '\n']
const NO_UUIDS = ['', '-', 'null', '%20', '..', '.', '*', ':itemId', '__proto__', '%F0%9F%93%88', '0'.repeat(36)]

/** A target under a registration's prefix; a malformed one only for the last request of a connection. */
export function makeTarget (random: Random, prefix: string, mayBeWild: boolean): Target {
  const chance = random.below(mayBeWild ? 100 : 94)
  if (chance < 70) return good(random, prefix)
  if (chance < 82) return withBadUuid(random, prefix)
  if (chance < 86) return badUrl(random, prefix)
  if (chance < 88) return tooLong(random, prefix)
  if (chance < 94) return nowhere(random, prefix)
  return wild(random, prefix)
}

function good (random: Random, prefix: string): Target {
  const job = makeJob(random)
  const query = random.percent(10) ? random.pick(['?', '?a=1', '?__proto__[a]=1', '?%', '#x', '?jobInstanceId=x']) : ''
  return { name: 'good path', path: prefix + pathOf(spelled(job, random)) + query, leadsTo: 'resolver', job }
}

function withBadUuid (random: Random, prefix: string): Target {
  const job = makeJob(random)
  const name = random.pick(['workspaceId', 'itemId', 'jobInstanceId'] as const)
  const bad = random.pick([
    ...NO_UUIDS, `urn:uuid:${job[name]}`, `%7B${job[name]}%7D`, job[name].slice(1), `${job[name]}0`, job[name].replaceAll('-', ''),
    `${job[name]}%00`, `%20${job[name]}`, job[name].replace(/./, 'g'), `${job[name]}%0A`
  ])
  return { name: `bad ${name}`, path: prefix + pathOf({ ...spelled(job, random), [name]: bad }), leadsTo: 'bad parameter' }
}

function badUrl (random: Random, prefix: string): Target {
  const jobType = random.pick(['%', '%z', '%zz', 'a%2', '%ff', '%c0%af', '%ed%a0%80', '%F0%9F'])
  return { name: 'undecodable path', path: prefix + pathOf({ ...spelled(makeJob(random), random), jobType }), leadsTo: 'bad url' }
}

function tooLong (random: Random, prefix: string): Target {
  const jobType = 'Contoso.'.repeat(random.between(LONGEST_PARAM / 8 + 1, 400))
  return { name: 'too long a path', path: prefix + pathOf({ ...spelled(makeJob(random), random), jobType }), leadsTo: 'too long' }
}

function nowhere (random: Random, prefix: string): Target {
  const path = pathOf(spelled(makeJob(random), random))
  const other = random.pick([
    '/', '//', '/favicon.ico', '/workspaces', '/workspaces/', `${path}/`, `${path}/cancel`, path.replace('items', 'itemS'),
    path.replace('/instances', ''), `/x${path}`, path.replace('/workspaces', '/WORKSPACES'), '/..' + path, '/__proto__/constructor'
  ])
  return { name: 'path to nowhere', path: prefix + other, leadsTo: 'nowhere' }
}

/** Bytes without a line break that are not a valid URL. */
function wild (random: Random, prefix: string): Target {
  const job = spelled(makeJob(random), random)
  const name = random.pick(['workspaceId', 'itemType', 'jobType', 'jobInstanceId'] as const)
  const bytes = Array.from({ length: random.between(1, 20) }, () => String.fromCharCode(random.pick([
    random.between(33, 255), random.between(0, 31), 37, 47
  ]))).join('').replace(/[\r\n ]/g, '%')
  return { name: 'wild path', path: prefix + pathOf({ ...job, [name]: bytes }), leadsTo: 'any' }
}

function makeJob (random: Random): JobInstance {
  return {
    workspaceId: random.uuid(),
    itemType: random.percent(60) ? 'Contoso.FinanceAnalytics.Forecast' : text(random),
    itemId: random.uuid(),
    jobType: random.percent(60) ? 'calculateForecast' : text(random),
    jobInstanceId: random.uuid()
  }
}

function text (random: Random): string {
  return random.pick(['a', '..', '.', 'x'.repeat(LONGEST_PARAM / 8)]) + random.text(LETTERS, 20)
}

/** Another spelling of the same job: percent-encoded characters, and UUIDs in upper or lower case. */
function spelled (job: JobInstance, random: Random): JobInstance {
  const encoded = (value: string) => Array.from(value, (character) => character < '\x80' && random.percent(2)
    ? `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`
    : encodeURIComponent(character)).join('')
  const uuid = (value: string) => encoded(random.percent(20) ? value.toUpperCase() : value)
  return {
    workspaceId: uuid(job.workspaceId),
    itemType: encoded(job.itemType),
    itemId: uuid(job.itemId),
    jobType: encoded(job.jobType),
    jobInstanceId: uuid(job.jobInstanceId)
  }
}

function pathOf ({ workspaceId, itemType, itemId, jobType, jobInstanceId }: JobInstance): string {
  return `/workspaces/${workspaceId}/items/${itemType}/${itemId}/jobTypes/${jobType}/instances/${jobInstanceId}`
}
