// Takes pictures of the example server's pages with Chromium (`npm run screenshots`): the README's two are written to
// docs/, the others, for review, to dist/screenshots/. They use the fonts of the machine: Inter and JetBrains Mono, if
// these are installed.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Browser, Page } from 'playwright-core'

import { launchChromium } from './chromium.js'
import { running, startProcess, stop } from './server-process.js'
import { opensLatest, shows, Visitor } from './visitor.js'

const OTHERS = 'dist/screenshots'
const SIZES = { desktop: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } }
const SCHEMES = ['light', 'dark'] as const
type Scheme = typeof SCHEMES[number]

const dataDir = await mkdtemp(join(tmpdir(), 'workload-'))
const server = startProcess(dataDir)
const [{ page: url }, browser] = await Promise.all([running(server), launchChromium()])
try {
  for (const folder of ['docs', OTHERS]) await mkdir(folder, { recursive: true })
  await ofThePage(browser)
  for (const colorScheme of SCHEMES) await ofTheApi(browser, colorScheme)
} finally {
  await browser.close()
  if (server.exitCode === null) await stop(server, 'SIGTERM')
  await rm(dataDir, { recursive: true })
}

/** A job of each kind: completed, failed, cancelled, and in progress after the workload did not respond for a while. */
async function ofThePage (browser: Browser): Promise<void> {
  const visitor = await Visitor.comes(browser, url, { isRefused: true, reducedMotion: 'reduce' })
  const { page } = visitor
  await visitor.isReady()
  await visitor.pollsEachSecond()
  const failed = await visitor.starts('fails', 6)
  await shows(failed, 'Failed')

  const cancelled = await visitor.starts('succeeds', 600)
  for (let polls = 0; polls < 5; polls++) await page.waitForResponse(/instances/)
  await cancelled.getByRole('button', { name: 'Cancel' }).click()
  await shows(cancelled, 'Cancelled')
  await shows(visitor.cards.last(), 'Completed')

  const inProgress = await visitor.starts('succeeds', 600)
  await shows(inProgress, 'In progress')
  for (let polls = 0; polls < 3; polls++) await page.waitForResponse(/instances/)
  await page.context().setOffline(true)
  for (let polls = 0; polls < 3; polls++) await page.waitForEvent('requestfailed')
  await page.context().setOffline(false)
  await shows(inProgress, 'In progress')
  for (let polls = 0; polls < 3; polls++) await page.waitForResponse(/instances/)
  const refused = await visitor.sends('the app token has expired')
  await shows(refused, 'Refused: 401')
  for (let polls = 0; polls < 2; polls++) await page.waitForResponse(/instances/)

  await page.getByLabel('Duration in seconds').fill('20')
  await page.getByLabel('Duration in seconds').blur()
  await failed.getByText('In Fabric’s monitoring hub').click()
  await page.setViewportSize(SIZES.desktop)
  for (const colorScheme of SCHEMES) await picture(page, `docs/page-${colorScheme}.png`, colorScheme)
  await opensLatest(failed)
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size)
    for (const colorScheme of SCHEMES) await picture(page, `${OTHERS}/page-${colorScheme}-${name}.png`, colorScheme)
  }
  await visitor.leaves()
}

/** Shows an executed operation of the contract. Swagger UI reads the colour scheme only once. */
async function ofTheApi (browser: Browser, colorScheme: Scheme): Promise<void> {
  const visitor = await Visitor.comes(browser, `${url}documentation`, { colorScheme, reducedMotion: 'reduce' })
  const { page } = visitor
  const operation = page.locator('#operations-Jobs-Jobs_GetItemJobInstanceState')
  await page.getByRole('button', { name: 'authorization button locked', exact: true }).first().waitFor()
  await operation.getByText('Get Item Job Instance State').click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  await operation.locator('.live-responses-table').getByText('200').first().waitFor()
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size)
    await picture(page, `${OTHERS}/documentation-${colorScheme}-${name}.png`, colorScheme)
  }
  await visitor.leaves()
}

async function picture (page: Page, path: string, colorScheme: Scheme): Promise<void> {
  await page.emulateMedia({ colorScheme })
  await page.screenshot({ path, fullPage: true })
}
