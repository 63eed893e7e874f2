import type { Browser, BrowserContextOptions, ConsoleMessage, Locator, Page } from 'playwright-core'

/** Messages of Chromium about a response of 400 or more, and about a request without a response. */
const FAILED_REQUEST = /^Failed to load resource:/

export interface VisitOptions extends BrowserContextOptions {
  /** Whether some requests fail: then Chromium may log it. */
  isRefused?: boolean
}

/** A person who uses the pages of the workload server. */
export class Visitor {
  readonly page: Page
  readonly #errors: string[] = []
  readonly #origins = new Set<string>()

  /** Opens a page in a new browser context. */
  static async comes (browser: Browser, url: string, visit: VisitOptions): Promise<Visitor> {
    const { isRefused = false, ...options } = visit
    const context = await browser.newContext(options)
    const visitor = new Visitor(await context.newPage(), isRefused)
    await visitor.page.goto(url)
    return visitor
  }

  private constructor (page: Page, isRefused: boolean) {
    this.page = page
    page.setDefaultTimeout(60_000)
    page.on('console', (message) => { if (isError(message, isRefused)) this.#errors.push(message.text()) })
    page.on('pageerror', (error) => this.#errors.push(String(error)))
    page.on('request', (request) => this.#origins.add(new URL(request.url()).origin))
  }

  /** The errors in the browser's console. */
  get errors (): readonly string[] {
    return this.#errors
  }

  /** The origins that the browser has sent requests to. */
  get origins (): readonly string[] {
    return [...this.#origins]
  }

  async leaves (): Promise<void> {
    await this.page.context().close()
  }

  /** Waits until the page that simulates Fabric can be used. */
  async isReady (): Promise<void> {
    await this.button('Start job').and(this.page.locator(':enabled')).waitFor()
    await this.cards.first().waitFor()
  }

  /** The jobs, the newest first. */
  get cards (): Locator {
    return this.page.locator('#cards > li')
  }

  card (jobInstanceId: string): Locator {
    return this.page.locator(`#job-${jobInstanceId}`)
  }

  button (name: string): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  /** Starts a job, and returns its card. */
  async starts (end: 'succeeds' | 'fails', seconds: number): Promise<Locator> {
    await this.page.getByLabel('Duration in seconds').fill(String(seconds))
    await this.page.getByLabel(end, { exact: true }).check()
    const creation = this.page.waitForRequest((request) => request.method() === 'POST')
    await this.button('Start job').click()
    return this.card(idIn((await creation).url()))
  }

  /** Polls the newest job with invalid credentials, and returns the result. */
  async sends (bad: string): Promise<Locator> {
    await this.page.getByLabel('What is wrong').selectOption(bad)
    const poll = this.page.waitForRequest((request) => /instances/.test(request.url()) && request.method() === 'GET')
    await this.button('Send poll').click()
    await poll
    return this.page.locator('#bad-result')
  }

  async pollsEachSecond (): Promise<void> {
    await this.page.getByLabel('Polled').press('Home')
  }
}

export function idIn (url: string): string {
  const [id = ''] = /[^/]+$/.exec(url.replace(/\/cancel$/, '')) ?? []
  return id
}

function isError (message: ConsoleMessage, isRefused: boolean): boolean {
  return message.type() === 'error' && !(isRefused && FAILED_REQUEST.test(message.text()))
}

/** Waits until the card shows the state. */
export async function shows (card: Locator, state: string): Promise<void> {
  await card.locator('.pill').first().getByText(state, { exact: true }).waitFor()
}

/** The terms and details of a card's list of facts. */
export async function factsOf (card: Locator): Promise<Record<string, string>> {
  const groups = await card.locator('.facts').first().locator('> div').all()
  const entries = await Promise.all(groups.map((group) => group.locator('dt, dd').allInnerTexts()))
  return Object.fromEntries(entries.map(([term = '', ...details]) => [term, details.join(' · ')]))
}

/** Opens the latest request of a card, and returns the request, the response and the server's log. */
export async function opensLatest (card: Locator): Promise<{ request: string, response: string }> {
  await card.locator('.more > summary').last().click()
  return await opensCall(card)
}

export async function opensCall (block: Locator): Promise<{ request: string, response: string }> {
  const call = block.locator('.call').first()
  await call.locator('summary').click()
  const [request = '', response = ''] = await call.locator('pre').allInnerTexts()
  return { request, response }
}
