import fc from 'fast-check'
import t from 'tap'

import { isCompactJws, splitAuthorization } from '../../lib/subject-and-app/header.js'

const base64url = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
const jws = fc.tuple(fc.constantFrom('{"', '{"alg":"RS256"}'), base64url, base64url)
  .map(([header, payload, signature]) => `${Buffer.from(header + 'a').toString('base64url')}.${payload}.${signature}`)
  .filter((token) => token.startsWith('eyJ'))

function format (subjectToken: string, appToken: string): string {
  return `SubjectAndAppToken1.0 subjectToken="${subjectToken}", appToken="${appToken}"`
}

/** The tokens of a header if it and they have the required form. */
function parse (value: string): { subjectToken: string, appToken: string } | undefined {
  const pair = splitAuthorization(value)
  return pair && isCompactJws(pair.appToken) && (pair.subjectToken === '' || isCompactJws(pair.subjectToken)) ? pair : undefined
}

t.test('a formatted header is parsed to the same tokens, with and without a subject token', async () => {
  fc.assert(fc.property(fc.oneof(fc.constant(''), jws), jws, (subjectToken, appToken) => {
    const parsed = parse(format(subjectToken, appToken))
    return parsed?.subjectToken === subjectToken && parsed.appToken === appToken
  }))
})

t.test('a header with an inserted, removed or replaced character is refused or has another pair of tokens', async () => {
  const anything = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('"', ' ', ', ', '=', '.', 'eyJ', '\t', '\0', '", appToken="'))
  fc.assert(fc.property(fc.oneof(fc.constant(''), jws), jws, fc.nat(), fc.nat(4), anything, (subjectToken, appToken, at, gone, put) => {
    const header = format(subjectToken, appToken)
    const index = at % (header.length + 1)
    const changed = header.slice(0, index) + put + header.slice(index + gone)
    const parsed = parse(changed)
    return parsed === undefined || format(parsed.subjectToken, parsed.appToken) === changed
  }), { numRuns: 2000 })
})

const token = 'eyJh.eyJi.c2ln'

for (const [name, value] of Object.entries({
  'an empty header': '',
  'the scheme alone': 'SubjectAndAppToken1.0',
  'the scheme and a space': 'SubjectAndAppToken1.0 ',
  'a lower-case scheme': format(token, token).replace('SubjectAndAppToken1.0', 'subjectandapptoken1.0'),
  'another version of the scheme': format(token, token).replace('1.0', '1.1'),
  'two spaces after the scheme': format(token, token).replace(' ', '  '),
  'a space in front': ' ' + format(token, token),
  'a space at the end': format(token, token) + ' ',
  'no space after the comma': format(token, token).replace(', ', ','),
  'a space before the comma': format(token, token).replace(', ', ' , '),
  'spaces around =': format(token, token).replaceAll('=', ' = '),
  'the other order': `SubjectAndAppToken1.0 appToken="${token}", subjectToken="${token}"`,
  'a third parameter': format(token, token) + ', x="y"',
  'a parameter in front': format(token, token).replace('subjectToken', 'x="y", subjectToken'),
  'no quotes': format(token, token).replaceAll('"', ''),
  'single quotes': format(token, token).replaceAll('"', '\''),
  'no closing quote': format(token, token).slice(0, -1),
  'no subject token': `SubjectAndAppToken1.0 appToken="${token}"`,
  'no app token': `SubjectAndAppToken1.0 subjectToken="${token}"`,
  'an empty app token': format(token, ''),
  'the beginning alone': 'SubjectAndAppToken1.0 subjectToken="',
  'a closing quote that is the opening one': `SubjectAndAppToken1.0 subjectToken="${token}", appToken="`,
  'two headers joined': `${format(token, token)}, ${format(token, token)}`,
  Bearer: `Bearer ${token}`,
  'a quote in the app token': format(token, `${token}"`),
  'a control character in a token': format(token, 'eyJh.ey\u0000Ji.c2ln'),
  'a line feed at the end of a token': format(token, token + '\n'),
  'letters beyond ASCII in a token': format(token, 'eyJh.eyJi.c2lé'),
  'base64 with padding': format(token, 'eyJh.eyJi.c2lnbg=='),
  'two parts': format(token, 'eyJh.eyJi'),
  'four parts': format(token, 'eyJh.eyJi.c2ln.c2ln'),
  'an empty payload': format(token, 'eyJh..c2ln'),
  'an empty signature': format(token, 'eyJh.eyJi.'),
  'an impossible length of base64url': format(token, 'eyJh.eyJi.c2lna'),
  'unused bits that are not zero, after two characters': format(token, 'eyJh.eyJi.c2lnaR'),
  'unused bits that are not zero, after three characters': format(token, 'eyJh.eyJi.c2lnaGl'),
  'a token that does not begin with eyJ': format(token, 'aaaa.eyJi.c2ln')
})) {
  t.test(`a malformed Authorization header is refused: ${name}`, async (t) => {
    t.equal(parse(value), undefined)
  })
}

t.test('a header of a megabyte is parsed in linear time', async (t) => {
  const long = 'a'.repeat(1_000_000)
  t.match(parse(format('', `eyJh.${long}.c2ln`)), { subjectToken: '' })
  t.equal(parse(format('', `eyJh.${long}.c2ln!`)), undefined)
})
