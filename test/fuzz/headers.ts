import { createFabric, type Fabric } from '../../lib/testing/index.js'
import { attackTable, controlTable, type RawRequest } from '../attack-table.js'
import { Forge } from '../helpers/forge.js'
import type { Random } from './random.js'

/** The source of headers. */
export type HeaderKind = 'good' | 'good and new' | 'of the attacks, to be refused' | 'of the attacks, malformed' | 'good but for a character'

/** The headers of a call and their kind. */
export interface HeaderSet {
  name: string
  kind: HeaderKind
  lines: readonly string[]
  /**
   * The result of the authentication: 200 accepts them, 401 and 403 refuse them. With 400 and 431 Node's parser
   * refuses them.
   */
  status: RawRequest['status']
  /** Whether the call is for a user. */
  hasUser: boolean
}

/** The headers of the requests: every header set of the attacks and their controls, by kind. */
export interface HeaderPool {
  /** Publishes the keys of the valid tokens. */
  forge: Forge
  good: HeaderSet[]
  refused: HeaderSet[]
  malformed: HeaderSet[]
  /** All headers as text, to find parts of them in the log. */
  text: string
}

/** The maximum length of the headers, so that the whole request head fits into Node's 16 KiB. */
const LARGEST = 9_000

/** Headers that expire or become valid during a run. */
const CHANGES_WITH_TIME = /has just ended|not valid yet/

export async function makeHeaderPool (): Promise<HeaderPool> {
  const forge = new Forge(createFabric())
  const { fabric } = forge
  const retired = { app: await fabric.appToken(), subject: await fabric.subjectToken() }
  await fabric.rotateKeys()
  fabric.retireKeys()
  const [app, subject] = [await fabric.appToken(), await fabric.subjectToken()]
  const { url: target, headers: good } = await fabric.poll({ appToken: app, subjectToken: subject })
  const loot = { forge, target, good, app, subject, retired }
  const isOfHeaders = ({ name, status, text }: RawRequest) => text.startsWith(`GET ${target} HTTP/1.1\r\n`) &&
    text.endsWith('\r\n\r\n') && !CHANGES_WITH_TIME.test(name) && (status === 431 || text.length < LARGEST)

  const sets = [...await controlTable(loot), ...await attackTable(loot)].filter(isOfHeaders).map(toHeaderSet)
  sets.push(toHeaderSet({ name: 'no headers at all', status: 401, text: 'GET / HTTP/1.1\r\n\r\n' }))
  return {
    forge,
    good: sets.filter(({ status }) => status === 200),
    refused: sets.filter(({ status }) => status === 401 || status === 403),
    malformed: sets.filter(({ status }) => status === 400 || status === 431),
    text: sets.flatMap(({ lines }) => lines).join('\n')
  }
}

function toHeaderSet ({ name, status, text }: RawRequest): HeaderSet {
  const [, ...lines] = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n')
  return {
    name,
    kind: status === 200 ? 'good' : status === 401 || status === 403 ? 'of the attacks, to be refused' : 'of the attacks, malformed',
    status,
    lines: lines.filter((line) => line !== 'Host: localhost' && line !== 'Connection: close'),
    hasUser: lines.some((line) => /subjecttoken="[^"]/i.test(line))
  }
}

/** A valid call with new tokens. */
export async function freshHeaders (fabric: Fabric, random: Random): Promise<HeaderSet> {
  const hasUser = random.percent(70)
  const version = random.pick(['1.0', '2.0'] as const)
  const headers = await fabric.headers({ version, tenantId: random.uuid(), ...(!hasUser && { subjectToken: '' }) })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return { name: `v${version}${hasUser ? '' : ' without a user'}`, kind: 'good and new', lines, status: 200, hasUser }
}

const PRINTABLE = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))

/** A valid Authorization header with one character removed, inserted or replaced: each of them is invalid. */
export function mutatedHeaders ({ name, lines, hasUser }: HeaderSet, random: Random): HeaderSet {
  const authorization = lines.find((line) => /^authorization:/i.test(line))?.replace(/^\S+\s+|\s+$/g, '') ?? ''
  const place = random.between(1, authorization.length - 1)
  const [before, character, after] = [authorization.slice(0, place), authorization[place], authorization.slice(place + 1)]
  const other = random.pick(PRINTABLE.filter((each) => each !== character))
  const [what, mutated] = random.pick([
    ['less', before + after], ['more', before + other + character + after], ['changed', before + other + after]
  ] as const)
  return {
    name: `${name}, character ${place} ${what}`,
    kind: 'good but for a character',
    lines: lines.map((line) => /^authorization:/i.test(line) ? `Authorization: ${mutated}` : line),
    status: 401,
    hasUser
  }
}
