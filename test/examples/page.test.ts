import type { ChildProcess } from 'node:child_process'

import t, { type Test } from 'tap'

import { HELD } from '../helpers/held-process.js'
import { launchChromium, skipWithoutChromium } from './chromium.js'
import { said, startProcess, stop } from './server-process.js'
import { authorize, opensLatest, says, Visitor, type VisitOptions } from './visitor.js'

/** Texts whose contrast to their background is under 4.5 (WCAG 2.2, 1.4.3). */
const PALE_TEXTS = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number)
  const linear = (channel) => channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  const background = (element) => {
    const [red, green, blue, alpha = 1] = channels(getComputedStyle(element).backgroundColor)
    return alpha === 1 || element.parentElement === null ? [red, green, blue] : background(element.parentElement)
  }
  const light = (color) => {
    const [red, green, blue] = color.map((channel) => linear(channel / 255))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const contrast = (element) => {
    const [text, behind] = [channels(getComputedStyle(element).color), background(element)].map(light)
    return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05)
  }
  const isText = ({ nodeType, data }) => nodeType === 3 && data.trim() !== ''
  const hasText = (element) => [...element.childNodes].some(isText)
  return [...document.querySelectorAll('body *')]
    .filter((element) => element.checkVisibility() && hasText(element) && contrast(element) < 4.5)
    .map((element) => element.textContent)
})()`

t.setTimeout(300_000)

t.test('The page that plays Fabric\'s part', { skip: skipWithoutChromium }, async (t) => {
  const dataDir = t.testdir()
  let server: ChildProcess | undefined
  t.teardown(() => server?.kill('SIGKILL'))

  /** Starts the server, the second time at its old address. */
  async function start (settings = {}): Promise<string> {
    server = startProcess(dataDir, { ...HELD, ...settings })
    return await said(server, /^A Fabric of your own, to look at: (.*)$/)
  }

  const [url, browser] = await Promise.all([start(), launchChromium()])
  t.teardown(() => browser.close())

  /** In each, the browser asks nothing of anybody but the server, and no error stands in its console. */
  function scene (name: string, options: VisitOptions, play: (t: Test, visitor: Visitor) => Promise<void>): void {
    t.test(name, async (t) => {
      const visitor = await Visitor.comes(browser, url, options)
      t.teardown(() => visitor.leaves())
      await visitor.mayBegin()
      await play(t, visitor)
      t.strictSame(visitor.errors, [])
      t.strictSame(visitor.origins, [new URL(url).origin])
    })
  }

  scene('starts a job and polls it with signed tokens until it is completed', {}, async (t, visitor) => {
    await visitor.pollsEachSecond()
    const card = await visitor.starts('succeed', 2)
    await says(card, 'Completed')

    t.match(await card.getByRole('img').getAttribute('aria-label'), /In progress for .* s, Completed for .* s$/)
    t.match(await card.locator('.facts').first().innerText(), /Started.*Ended.*Took.*Told/s)
    t.match(await visitor.page.getByRole('status').textContent(), /^calculateForecast, \w{8}: Completed$/)
    const { request, answer } = await opensLatest(card)
    t.match(request, /^GET \/workload-api\/workspaces\/.*\/instances\/[\w-]{36}$/m)
    t.match(request, /^authorization: SubjectAndAppToken1\.0 subjectToken="eyJ[^"]*…", appToken="eyJ[^"]*…"$/m)
    t.match(request, /^x-ms-client-tenant-id: [\w-]{36}$/m)
    t.match(answer, /^200 OK$/m)
    t.match(answer, /^ {2}"status": "Completed",$/m)
    t.notMatch(await visitor.page.content(), /eyJ[\w.-]{8,}/, 'no token stands there as a whole')
  })

  scene('shows a failure as a person sees it', {}, async (t, visitor) => {
    await visitor.pollsEachSecond()
    const card = await visitor.starts('fail', 1)
    await says(card, 'Failed')
    const error = card.locator('.error')
    const message = 'The series "sales" has 3 points; a forecast needs at least 12.'
    t.equal(await error.locator('summary').innerText(), message)
    const facts = await error.locator('dl > div').all()
    t.strictSame(await Promise.all(facts.map((fact) => fact.locator('dt, dd').allInnerTexts())), [
      ['Code', 'SeriesTooShort'], ['Source', 'User'], ['Try again', 'of no use'], ['Parameters', 'sales', '3', '12']
    ])
  })

  scene('shows why a job has not been taken', { isRefused: true }, async (t, visitor) => {
    const jobType = '<img src=x onerror=alert(1)>'
    await visitor.page.getByLabel('Type').fill(jobType)
    const card = await visitor.starts('succeed', 1)
    await says(card, 'Refused: 400')
    t.equal(await card.getByRole('heading').innerText(), jobType, 'as text, not as a part of the page')
    t.match(await card.locator('.error').innerText(), /only "calculateForecast"\.\s.*UnknownJobType/s)
  })

  scene('cancels a job', {}, async (t, visitor) => {
    const card = await visitor.starts('succeed', 600)
    await card.getByRole('button', { name: 'Cancel' }).click()
    await says(card, 'Cancelled')
    t.notOk(await card.getByRole('button', { name: 'Cancel' }).isVisible())
    t.match((await opensLatest(card)).request, /^POST .*\/cancel$/m)
  })

  scene('is refused where it is somebody else', { isRefused: true }, async (t, visitor) => {
    for (const [bad, refusal, errorCode] of [
      ['the app token has expired', 'Refused: 401', 'AuthenticationFailed'],
      ['the subject token has another scope', 'Refused: 403', 'InsufficientScope'],
      ['the Authorization header is empty', 'Refused: 401', 'AuthenticationFailed'],
      ['there are two spaces after the scheme', 'Refused: 401', 'AuthenticationFailed']
    ] as const) {
      const card = await visitor.isSomebodyElse(bad)
      await says(card, refusal)
      t.match(await card.locator('.error').innerText(), errorCode)
      t.match((await opensLatest(card)).answer, new RegExp(`^${refusal.slice(-3)} `), bad)
    }
  })

  scene('polls as often as it is told to', {}, async (t, { page }) => {
    const slider = page.getByLabel('Polled')
    await slider.press('End')
    t.equal(await page.getByText('every minute, as Fabric does').count(), 1)
    t.equal(await slider.getAttribute('aria-valuetext'), 'every minute, as Fabric does')
    await slider.press('Home')
    t.equal(await slider.getAttribute('aria-valuetext'), 'every second')
  })

  scene('asks for no job that has not been taken yet', {}, async (t, visitor) => {
    const { page } = visitor
    const seen: string[] = []
    page.on('response', (response) => {
      if (response.url().includes('/instances/')) seen.push(`${response.request().method()}: ${response.status()}`)
    })
    await page.route('**/instances/*', async (route) => {
      seen.push(route.request().method())
      if (route.request().method() === 'POST') {
        await page.getByLabel('Polled').press('Home')
        // By then a poll that was due at once would have been sent.
        await page.evaluate('new Promise((resolve) => setTimeout(resolve, 10))')
      }
      await route.continue()
    })
    const card = await visitor.starts('succeed', 600)
    await says(card, 'In progress')
    t.strictSame(seen.slice(0, 3), ['POST', 'POST: 202', 'GET'])
    await card.getByRole('button', { name: 'Cancel' }).click()
    await says(card, 'Cancelled')
  })

  scene('goes on with its jobs when it is loaded anew', {}, async (t, visitor) => {
    await says(await visitor.starts('succeed', 600), 'In progress')
    await visitor.page.reload()
    const card = await visitor.newest()
    await says(card, 'In progress')
    await card.getByRole('button', { name: 'Cancel' }).click()
    await says(card, 'Cancelled')
  })

  scene('needs no mouse, and shows where one is', {}, async (t, { page }) => {
    /** Goes on with the Tab key until the focus is there. */
    async function tabTo (selector: string): Promise<void> {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab')
        t.not(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none')
        if (await page.evaluate(`document.activeElement.matches('${selector}')`) === true) return
      }
      throw new Error(`The focus does not come to ${selector}`)
    }

    await tabTo('[name=seconds]')
    await page.keyboard.type('600')
    await tabTo('#start button')
    await page.keyboard.press('Enter')
    await tabTo('#interval')
    await page.keyboard.press('ArrowLeft')
    const card = page.locator('#cards > li')
    await says(card, 'In progress')
    await tabTo('.card button')
    await page.keyboard.press('Space')
    await says(card, 'Cancelled')
    await page.getByLabel('Polled').focus()
    await tabTo('.requests > summary')
    await page.keyboard.press('Enter')
    await tabTo('.exchange > summary')
    await page.keyboard.press('Enter')
    await tabTo('pre')
    t.match(await page.evaluate('document.activeElement.textContent'), /^POST .*\/cancel/)
    await tabTo('#bad select')
    await tabTo('#bad button')
    await tabTo('#copy button')
  })

  const permissions = ['clipboard-read', 'clipboard-write']
  scene('has headers to copy, for the API page to try an operation', { permissions }, async (t, visitor) => {
    await visitor.button('Copy Authorization').click()
    await visitor.page.getByText('Copied', { exact: true }).waitFor()
    await visitor.page.getByRole('navigation').getByRole('link').click()
    await authorize(visitor.page, (field) => field.press('Control+V'))

    const operation = visitor.page.locator('#operations-Jobs-Jobs_GetItemJobInstanceState')
    await operation.getByText('Get Item Job Instance State').click()
    await operation.getByRole('button', { name: 'Execute' }).click()
    const answer = operation.locator('.live-responses-table')
    await answer.locator('td.response-col_status').getByText('200').first().waitFor()
    t.match(await answer.innerText(), /"status": "(?:NotStarted|InProgress|Completed)"/)
  })

  scene('can be read, in light and in dark, and fits on each screen', { isRefused: true, reducedMotion: 'reduce' },
    async (t, visitor) => {
      await visitor.pollsEachSecond()
      for (const [card, state] of [
        [await visitor.starts('succeed', 0.1), 'Completed'],
        [await visitor.starts('fail', 0.1), 'Failed'],
        [await visitor.isSomebodyElse('the app token is no token'), 'Refused: 401']
      ] as const) {
        await says(card, state)
        await opensLatest(card)
      }
      for (const colorScheme of ['light', 'dark'] as const) {
        await visitor.page.emulateMedia({ colorScheme })
        t.strictSame(await visitor.page.evaluate(PALE_TEXTS), [], colorScheme)
      }
      for (const width of [320, 390, 768, 1280]) {
        await visitor.page.setViewportSize({ width, height: 800 })
        t.equal(await visitor.page.evaluate('document.documentElement.scrollWidth'), width)
      }
    })

  scene('goes on after a restart of the server, and shows the gap', { isRefused: true }, async (t, visitor) => {
    await visitor.pollsEachSecond()
    const card = await visitor.starts('succeed', 5)
    await says(card, 'In progress')
    if (server !== undefined) t.equal(await stop(server, 'SIGTERM'), 0)
    await says(card, 'No answer')
    t.match(await visitor.page.locator('#workload').innerText(), /^No answer since \d\d:\d\d:\d\d$/)

    t.equal(await start({ PORT: new URL(url).port }), url)
    await says(card, 'Completed')
    t.equal(await visitor.page.locator('#workload').innerText(), 'The workload answers')
    const bar = await card.getByRole('img').getAttribute('aria-label')
    t.match(bar, /In progress for .*, No answer for .*, Completed for/)
    await card.locator('.requests > summary').click()
    const outcomes = await card.locator('.outcome').allInnerTexts()
    t.ok(outcomes.includes('401 AuthenticationFailed'), 'the tokens of the former keys do not hold any more')
    t.match(outcomes.at(0), '200 Completed')
  })
})
