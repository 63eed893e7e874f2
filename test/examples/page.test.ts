import type { ChildProcess } from 'node:child_process'

import t, { type Test } from 'tap'

import { HELD } from '../helpers/held-process.js'
import { launchChromium, skipWithoutChromium } from './chromium.js'
import { running, startProcess, stop } from './server-process.js'
import { factsOf, idIn, opensCall, opensLatest, shows, Visitor, type VisitOptions } from './visitor.js'

/** Texts whose contrast with their background is under 4.5 (WCAG 2.2, 1.4.3). */
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

/** The duration of a job of two seconds: more on a busy machine, never less. */
const LASTS_TWO_SECONDS = /^(?:[2-9]|[1-5]\d)\.\d s$/

t.test('the page that simulates Fabric', { skip: skipWithoutChromium }, async (t) => {
  const dataDir = t.testdir()
  let server: ChildProcess | undefined
  t.teardown(() => server?.kill('SIGKILL'))

  /** Starts the server, or starts it again at the same address. */
  async function start (settings = {}): Promise<string> {
    server = startProcess(dataDir, { ...HELD, ...settings })
    return (await running(server)).page
  }

  const [url, browser] = await Promise.all([start(), launchChromium()])
  t.teardown(() => browser.close())

  /** A test that also checks that the browser sends requests only to the server, and that its console has no error. */
  function scene (name: string, options: VisitOptions, play: (t: Test, visitor: Visitor) => Promise<void>): void {
    t.test(`the page that simulates Fabric ${name}`, async (t) => {
      const visitor = await Visitor.comes(browser, url, options)
      t.teardown(() => visitor.leaves())
      await visitor.isReady()
      await play(t, visitor)
      t.strictSame(visitor.errors, [])
      t.strictSame(visitor.origins, [new URL(url).origin])
    })
  }

  /** Calls the workload as another client would. */
  async function callElsewhere (method: string, jobInstanceId: string, change: object = {}): Promise<number> {
    const { sampleJob } = Object(await (await fetch(`${url}fabric`)).json())
    const path = String(sampleJob).replace(/[^/]+$/, jobInstanceId)
    const headers = Object(await (await fetch(`${url}fabric/headers`)).json())
    const body = method === 'POST' ? JSON.stringify({ invokeType: 'Manual', creationPayload: { seconds: 600 } }) : null
    const response = await fetch(new URL(path, url), {
      method, body, headers: { ...headers, ...body && { 'content-type': 'application/json' }, ...change }
    })
    return response.status
  }

  scene('shows a job on the first visit', {}, async (t, visitor) => {
    t.equal(await visitor.page.getByRole('heading', { level: 1 }).innerText(), 'fastify-fabric-job-state')
    t.match(await visitor.page.locator('header').innerText(), 'Simulates Microsoft Fabric calling this workload')
    const sample = visitor.cards.last()
    t.match(await sample.locator('.pill').first().innerText(), /^(?:Accepted|Not started|In progress|Completed)$/)
    t.equal((await factsOf(sample))['Started by'], 'this server, at its start')
    t.equal(await visitor.page.locator('button:not(.quiet, .link)').count(), 1, 'with one primary button')
  })

  scene('starts a job and polls it with signed tokens until it is completed', {}, async (t, visitor) => {
    await visitor.pollsEachSecond()
    const card = await visitor.starts('succeeds', 2)
    await shows(card, 'Completed')

    t.match(await card.getByRole('img').getAttribute('aria-label'), /In progress for .* s, Completed for .* s$/)
    t.match(await factsOf(card), {
      Item: 'Contoso.FinanceAnalytics.Forecast', 'Started by': 'this page', Duration: LASTS_TWO_SECONDS, Reported: /./
    })
    t.match(await visitor.page.getByRole('status').textContent(), /^calculateForecast \w{8}: Completed$/)
    const { request, response } = await opensLatest(card)
    t.match(request, /^GET \/workload-api\/workspaces\/.*\/instances\/[\w-]{36}$/m)
    t.match(request, /^authorization: SubjectAndAppToken1\.0 subjectToken="eyJ[^"]*…", appToken="eyJ[^"]*…"$/m)
    t.match(request, /^x-ms-client-tenant-id: [\w-]{36}$/m)
    t.match(response, /^200 OK$/m)
    t.match(response, /^ {2}"status": "Completed",$/m)
    t.notMatch(await visitor.page.content(), /eyJ[\w.-]{8,}/, 'shows no whole token')
  })

  scene('shows a failed job as Fabric\'s monitoring hub does, after its whole duration', {}, async (t, visitor) => {
    await visitor.pollsEachSecond()
    const card = await visitor.starts('fails', 2)
    await shows(card, 'Failed')
    const message = 'The series "sales" has 3 points; a forecast needs at least 12.'
    const error = card.locator('.error')
    t.equal(await error.locator('summary').innerText(), message)
    t.strictSame(await factsOf(error), {
      Code: 'SeriesTooShort', Source: 'User', Retry: 'will fail again', Parameters: 'sales · 3 · 12'
    })
    t.match((await factsOf(card)).Duration, LASTS_TWO_SECONDS)
    t.strictSame(await card.locator('.hub th').allInnerTexts(),
      ['Activity name', 'Status', 'Item type', 'Start time', 'Duration', 'Error message'])
    const row = await card.locator('.hub td').allInnerTexts()
    t.match(row, ['Forecast', 'Failed', 'Contoso.FinanceAnalytics.Forecast', /^\d+ \w+ \d{4}, [\d:]{8}$/, LASTS_TWO_SECONDS, message])
  })

  scene('shows why a job was not accepted', { isRefused: true }, async (t, visitor) => {
    await visitor.page.route('**/instances/*', async (route, request) => {
      const isCreation = request.method() === 'POST'
      await route.continue(isCreation ? { url: request.url().replace('calculateForecast', 'drawChart') } : {})
    })
    await visitor.button('Start job').click()
    const problem = visitor.page.getByRole('alert')
    await problem.getByText('The job was not accepted: 400').waitFor()
    t.match(await problem.innerText(), /UnknownJobType/)
  })

  scene('cancels a job', {}, async (t, visitor) => {
    const card = await visitor.starts('succeeds', 600)
    await card.getByRole('button', { name: 'Cancel' }).click()
    await shows(card, 'Cancelled')
    t.notOk(await card.getByRole('button', { name: 'Cancel' }).isVisible())
    t.match((await opensLatest(card)).request, /^(?:POST .*\/cancel|GET .*)$/m)
  })

  scene('lists jobs that other clients start, with a filter by state', {}, async (t, visitor) => {
    const id = '0f8fad5b-d9cb-469f-a165-70867728950e'
    t.equal(await callElsewhere('POST', id, { 'user-agent': 'curl/8.5.0' }), 202)
    const card = visitor.card(id)
    await shows(card, 'In progress')
    t.equal((await factsOf(card))['Started by'], 'curl')

    const another = await Visitor.comes(browser, url, {})
    t.teardown(() => another.leaves())
    await another.isReady()
    const theirs = await another.starts('succeeds', 600)
    const same = visitor.card(idIn(`/${await theirs.locator('.id code').innerText()}`))
    await shows(same, 'In progress')
    t.equal((await factsOf(same))['Started by'], 'this page, in another tab')
    await theirs.getByRole('button', { name: 'Cancel' }).click()
    await shows(same, 'Cancelled')

    await visitor.page.getByRole('radio', { name: 'Cancelled' }).check()
    t.notOk(await card.isVisible())
    t.ok(await same.isVisible())
    await visitor.page.getByRole('radio', { name: 'All' }).check()
    await card.getByRole('button', { name: 'Cancel' }).click()
    await shows(card, 'Cancelled')
  })

  scene('shows what a client sends as text', {}, async (t, visitor) => {
    const path = '/workload-api/workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334/items/' +
      encodeURIComponent('<img src=x onerror=alert(1)>') + '/b14cb7e7-d346-4751-9cfd-8c2767d53111/jobTypes/calculateForecast/instances/'
    const id = '7c9e6679-7425-40de-944b-e07fc1f90ae7'
    const headers = Object(await (await fetch(`${url}fabric/headers`)).json())
    await fetch(new URL(path + id, url), {
      method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{"invokeType":"Manual","creationPayload":{"seconds":0}}'
    })
    await shows(visitor.card(id), 'Completed')
    t.equal((await factsOf(visitor.card(id))).Item, '<img src=x onerror=alert(1)>')
  })

  scene('explains the bar in a legend, and in a tooltip for pointer and keyboard', {}, async (t, visitor) => {
    const card = await visitor.starts('succeeds', 1)
    await shows(card, 'Completed')
    t.strictSame(await visitor.page.getByRole('list', { name: 'Legend of the bars' }).getByRole('listitem').allInnerTexts(),
      ['Not started', 'In progress', 'Completed', 'Failed', 'Cancelled', 'No response', 'Poll'])
    const bar = card.getByRole('img')
    const tip = card.locator('.tip')
    await bar.hover({ position: { x: 100, y: 8 } })
    t.match(await tip.innerText(), /^In progress: [\d.]+ s \(\d\d:\d\d:\d\d to \d\d:\d\d:\d\d\)$/)
    await bar.focus()
    t.match(await tip.innerText(), /^In progress: .*\nCompleted: /m)
    await visitor.page.keyboard.press('Escape')
    t.notOk(await tip.isVisible())
  })

  scene('shows a refusal of invalid credentials with the reason from the server\'s log', { isRefused: true }, async (t, visitor) => {
    for (const [bad, refusal, errorCode, reason] of [
      ['the app token has expired', 'Refused: 401', 'AuthenticationFailed', /^claim: exp$/m],
      ['the subject token has another scope', 'Refused: 403', 'InsufficientScope', /^claim: scp$/m],
      ['the Authorization header is empty', 'Refused: 401', 'AuthenticationFailed', /^reason: /m]
    ] as const) {
      const result = await visitor.sends(bad)
      await result.getByText(bad.replace('the ', '').replace(/^./, (first) => first.toUpperCase()), { exact: true }).waitFor()
      await shows(result, refusal)
      t.match(await result.locator('.error').innerText(), errorCode)
      t.match(await result.locator('pre').first().innerText(), reason)
      t.match((await opensCall(result)).response, new RegExp(`^${refusal.slice(-3)} `), bad)
    }
    const groups = await visitor.page.locator('#bad-name optgroup').all()
    t.strictSame(await Promise.all(groups.map((group) => group.getAttribute('label'))), ['Header', 'App token', 'Subject token'])
  })

  const phone = { isRefused: true, viewport: { width: 390, height: 844 } }
  scene('shows the result of invalid credentials where the button is, also on a phone', phone, async (t, visitor) => {
    const result = await visitor.sends('the app token has expired')
    await shows(result, 'Refused: 401')
    const box = await result.boundingBox()
    t.ok(box && box.y >= 0 && box.y + box.height <= 844, `the result is in view: ${JSON.stringify(box)}`)
  })

  scene('shows a failed job in the colour of failures, also when one of its polls was refused', { isRefused: true },
    async (t, visitor) => {
      await visitor.pollsEachSecond()
      const card = await visitor.starts('fails', 2)
      await shows(card, 'In progress')
      await shows(await visitor.sends('the app token has expired'), 'Refused: 401')
      await shows(card, 'Failed')
      t.equal(await card.locator('.call .outcome').getByText('401').count(), 1)
      const colour = 'getComputedStyle(document.querySelector("#ID .error")).borderLeftColor'.replace('ID', `${await card.getAttribute('id')}`)
      const red = 'getComputedStyle(document.querySelector(".legend [data-state=Failed]"), "::before").backgroundColor'
      t.equal(await visitor.page.evaluate(colour), await visitor.page.evaluate(red))
    })

  scene('shows the same details of a job after a reload', {}, async (t, visitor) => {
    await visitor.pollsEachSecond()
    const card = await visitor.starts('succeeds', 1)
    await shows(card, 'Completed')
    const describe = async () => [
      await factsOf(card),
      await card.getByRole('img').getAttribute('aria-label'),
      await card.locator('.more > summary').allInnerTexts()
    ]
    const before = await describe()
    await visitor.page.reload()
    await shows(card, 'Completed')
    t.strictSame(await describe(), before)
  })

  scene('polls at the chosen interval', {}, async (t, { page }) => {
    const slider = page.getByLabel('Polled')
    await slider.press('End')
    t.equal(await page.getByText('every minute, as Fabric does').count(), 1)
    t.equal(await slider.getAttribute('aria-valuetext'), 'every minute, as Fabric does')
    await slider.press('Home')
    t.equal(await slider.getAttribute('aria-valuetext'), 'every second')
  })

  scene('continues its jobs after a reload', {}, async (t, visitor) => {
    const card = await visitor.starts('succeeds', 600)
    await shows(card, 'In progress')
    await visitor.page.reload()
    await shows(card, 'In progress')
    t.equal((await factsOf(card))['Started by'], 'this page')
    await card.getByRole('button', { name: 'Cancel' }).click()
    await shows(card, 'Cancelled')
  })

  scene('can be used by keyboard only, with a visible focus', {}, async (t, { page }) => {
    /** Presses the Tab key until the focus is there. */
    async function tabTo (selector: string): Promise<void> {
      for (let i = 0; i < 100; i++) {
        await page.keyboard.press('Tab')
        const focused = 'document.activeElement.closest(".filter label") ?? document.activeElement'
        t.not(await page.evaluate(`getComputedStyle(${focused}).outlineStyle`), 'none')
        if (await page.evaluate(`document.activeElement.matches('${selector}')`) === true) return
      }
      throw new Error(`The focus does not reach ${selector}`)
    }

    await tabTo('[name=seconds]')
    await page.keyboard.type('600')
    const creation = page.waitForRequest((request) => request.method() === 'POST')
    await tabTo('#start button')
    await page.keyboard.press('Enter')
    const id = `#job-${idIn((await creation).url())}`
    await tabTo('#interval')
    await page.keyboard.press('ArrowLeft')
    await tabTo('.filter input')
    await shows(page.locator(id), 'In progress')
    await tabTo(`${id} [data-part=copy]`)
    await tabTo(`${id} [data-part=cancel]`)
    await page.keyboard.press('Space')
    await shows(page.locator(id), 'Cancelled')
    await page.locator('.filter input').first().focus()
    await tabTo(`${id} .bar`)
    await tabTo(`${id} .more:last-child > summary`)
    await page.keyboard.press('Enter')
    await tabTo(`${id} .call > summary`)
    await page.keyboard.press('Enter')
    await tabTo(`${id} pre`)
    t.match(await page.evaluate('document.activeElement.textContent'), /^(?:POST|GET) \//)
    await page.locator('#cards > li:last-child .more:last-child > summary').focus()
    await tabTo('#bad select')
    await tabTo('#bad button')
    await tabTo('#copy button')
  })

  const permissions = ['clipboard-read', 'clipboard-write']
  scene('copies headers and job IDs', { permissions }, async (t, visitor) => {
    const { page } = visitor
    await visitor.button('Copy Authorization').click()
    await page.getByText('Copied', { exact: true }).waitFor()
    t.match(await page.evaluate('navigator.clipboard.readText()'), /^SubjectAndAppToken1\.0 subjectToken="eyJ/)
    const sample = visitor.card('63f77191-432d-4ee6-9c5f-31a1a6987072')
    await sample.getByRole('button', { name: /^Copy the ID/ }).click()
    await sample.getByText('Copied', { exact: true }).waitFor()
    t.equal(await page.evaluate('navigator.clipboard.readText()'), '63f77191-432d-4ee6-9c5f-31a1a6987072')
  })

  scene('links to the API page, where each operation works with the default values', {}, async (t, visitor) => {
    const { page } = visitor
    await page.getByRole('navigation').getByRole('link').click()
    await page.getByRole('button', { name: 'authorization button locked', exact: true }).first().waitFor()
    for (const [path, method, status] of [
      ['{jobInstanceId}', 'post', '202'], ['{jobInstanceId}', 'get', '200'], ['{jobInstanceId}/cancel', 'post', '200']
    ] as const) {
      const operation = page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path$="${path}"]`) })
      await operation.locator('.opblock-summary').click()
      t.match(await operation.locator('.opblock-description').innerText(), /\w+ \w+/)
      await operation.getByRole('button', { name: 'Execute' }).click()
      await operation.locator('.live-responses-table td.response-col_status').getByText(status).first().waitFor()
    }
    t.match(await page.locator('.opblock-get .live-responses-table').innerText(), /"status": "\w+"/)
  })

  scene('is readable in light and in dark, and fits on each screen', { isRefused: true, reducedMotion: 'reduce' },
    async (t, visitor) => {
      await visitor.pollsEachSecond()
      for (const [end, state] of [['succeeds', 'Completed'], ['fails', 'Failed']] as const) {
        const card = await visitor.starts(end, 0.1)
        await shows(card, state)
        await opensLatest(card)
      }
      const result = await visitor.sends('the app token is not a token')
      await shows(result, 'Refused: 401')
      await opensCall(result)
      for (const colorScheme of ['light', 'dark'] as const) {
        await visitor.page.emulateMedia({ colorScheme })
        t.strictSame(await visitor.page.evaluate(PALE_TEXTS), [], colorScheme)
      }
      for (const width of [320, 390, 768, 1280]) {
        await visitor.page.setViewportSize({ width, height: 800 })
        t.equal(await visitor.page.evaluate('document.documentElement.scrollWidth'), width)
      }
    })

  scene('continues after a restart of the server, and shows the gap, also after a reload', { isRefused: true },
    async (t, visitor) => {
      await visitor.pollsEachSecond()
      const card = await visitor.starts('succeeds', 5)
      await shows(card, 'In progress')
      if (server !== undefined) t.equal(await stop(server, 'SIGTERM'), 0)
      await shows(card, 'No response')
      t.match(await visitor.page.locator('#workload').innerText(), /^No response since \d\d:\d\d:\d\d$/)

      t.equal(await start({ PORT: new URL(url).port }), url)
      await shows(card, 'Completed')
      t.equal(await visitor.page.locator('#workload').innerText(), 'Workload responding')
      const bar = card.getByRole('img')
      t.match(await bar.getAttribute('aria-label'), /In progress for .*, No response for .*, Completed for/)
      await visitor.page.reload()
      await shows(card, 'Completed')
      t.match(await bar.getAttribute('aria-label'), /In progress for .*, No response for .*, Completed for/)
      t.equal((await factsOf(card))['Started by'], 'this page')
    })
})
