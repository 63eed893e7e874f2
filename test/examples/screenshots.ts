// Pictures of the example server's pages. `npm run screenshots` builds and runs it, and needs Chromium: the README's two go
// to docs/, the others, which are there to be looked at, to dist/screenshots/. The fonts are those of the machine.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Browser } from 'playwright-core'

import { launchChromium } from './chromium.js'
import { said, startProcess, stop } from './server-process.js'
import { authorize, opensLatest, says, Visitor } from './visitor.js'

const OTHERS = 'dist/screenshots'
const SIZES = { desktop: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } }
const SCHEMES = ['light', 'dark'] as const

const dataDir = await mkdtemp(join(tmpdir(), 'workload-'))
const server = startProcess(dataDir)
const [url, browser] = await Promise.all([said(server, /^A Fabric of your own, to look at: (.*)$/), launchChromium()])
try {
  for (const folder of ['docs', OTHERS]) await mkdir(folder, { recursive: true })
  await ofThePage(browser)
  await ofTheApi(browser)
} finally {
  await browser.close()
  if (server.exitCode === null) await stop(server, 'SIGTERM')
  await rm(dataDir, { recursive: true })
}

/** One of each: completed, failed, cancelled, refused, and one in progress in which the workload was silent for a while. */
async function ofThePage (browser: Browser): Promise<void> {
  const visitor = await Visitor.comes(browser, url, { isRefused: true, reducedMotion: 'reduce', deviceScaleFactor: 1 })
  const { page } = visitor
  await visitor.pollsEachSecond()
  await says(await visitor.starts('succeed', 9), 'Completed')
  await says(await visitor.starts('fail', 8), 'Failed')

  const cancelled = await visitor.starts('succeed', 600)
  for (let polls = 0; polls < 5; polls++) await page.waitForResponse(/instances/)
  await cancelled.getByRole('button', { name: 'Cancel' }).click()
  await says(cancelled, 'Cancelled')

  const refused = await visitor.isSomebodyElse('the app token has expired')
  await says(refused, 'Refused: 401')
  await opensLatest(refused)

  const inProgress = await visitor.starts('succeed', 600)
  await says(inProgress, 'In progress')
  for (let polls = 0; polls < 3; polls++) await page.waitForResponse(/instances/)
  await page.context().setOffline(true)
  for (let polls = 0; polls < 3; polls++) await page.waitForEvent('requestfailed')
  await page.context().setOffline(false)
  await says(inProgress, 'In progress')
  for (let polls = 0; polls < 3; polls++) await page.waitForResponse(/instances/)

  await page.getByLabel('Seconds').fill('20')
  await page.getByLabel('Seconds').blur()
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme })
    for (const [name, size] of Object.entries(SIZES)) {
      await page.setViewportSize(size)
      const folder = name === 'desktop' ? 'docs' : OTHERS
      await page.screenshot({ path: `${folder}/page-${colorScheme}${name === 'desktop' ? '' : `-${name}`}.png`, fullPage: true })
    }
  }
  await visitor.leaves()
}

/** The contract's operation, tried out. */
async function ofTheApi (browser: Browser): Promise<void> {
  const visitor = await Visitor.comes(browser, `${url}documentation`, { isRefused: true, reducedMotion: 'reduce' })
  const { page } = visitor
  const operation = page.locator('#operations-Jobs-Jobs_GetItemJobInstanceState')
  await operation.getByText('Get Item Job Instance State').click()
  const headers = Object(await (await fetch(`${url}fabric/headers`)).json())
  await authorize(page, (field) => field.fill(String(headers.authorization)))
  await operation.getByRole('button', { name: 'Execute' }).click()
  await operation.locator('.live-responses-table').getByText('200').first().waitFor()
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme })
    for (const [name, size] of Object.entries(SIZES)) {
      await page.setViewportSize(size)
      await page.screenshot({ path: `${OTHERS}/documentation-${colorScheme}-${name}.png`, fullPage: true })
    }
  }
  await visitor.leaves()
}
