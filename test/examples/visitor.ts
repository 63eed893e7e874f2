import type { Browser, BrowserContextOptions, ConsoleMessage, Locator, Page } from 'playwright-core'

/** What Chromium itself says of an answer of 400 or more, and of none. */
const UNLOVED_ANSWER = /^Failed to load resource:/

export interface VisitOptions extends BrowserContextOptions {
  /** Whether some of the answers are no success: then Chromium may say so. */
  isRefused?: boolean
}

/** Somebody who looks at the pages of the workload server, and does there what a person does. */
export class Visitor {
  readonly page: Page
  readonly #errors: string[] = []
  readonly #origins = new Set<string>()

  /** Goes to a page, with a browser that knows nothing of others. */
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

  /** What stands in the browser's console as an error. */
  get errors (): readonly string[] {
    return this.#errors
  }

  /** Of whom the browser has asked something. */
  get origins (): readonly string[] {
    return [...this.#origins]
  }

  async leaves (): Promise<void> {
    await this.page.context().close()
  }

  /** Waits until the page that plays Fabric's part takes what is done to it. */
  async mayBegin (): Promise<void> {
    await this.button('Start').and(this.page.locator(':enabled')).waitFor()
  }

  /** The cards, the newest first. */
  get cards (): Locator {
    return this.page.locator('#cards > li')
  }

  button (name: string): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  /** Starts a job, and gives its card. */
  async starts (end: 'succeed' | 'fail', seconds: number): Promise<Locator> {
    await this.page.getByLabel('Seconds').fill(String(seconds))
    await this.page.getByLabel(end, { exact: true }).check()
    await this.button('Start').click()
    return await this.newest()
  }

  /** Sends a poll with bad headers, and gives its card. */
  async isSomebodyElse (bad: string): Promise<Locator> {
    await this.page.getByLabel('What is wrong with them').selectOption(bad)
    await this.button('Poll with them').click()
    return await this.newest()
  }

  /** The newest card, which stays the same when others come. */
  async newest (): Promise<Locator> {
    const title = await this.cards.first().locator('h3').textContent()
    const id = await this.cards.first().locator('.head code').textContent()
    return this.cards.filter({ hasText: `${title}` }).filter({ hasText: `${id}` }).last()
  }

  async pollsEachSecond (): Promise<void> {
    await this.page.getByLabel('Polled').press('Home')
  }
}

function isError (message: ConsoleMessage, isRefused: boolean): boolean {
  return message.type() === 'error' && !(isRefused && UNLOVED_ANSWER.test(message.text()))
}

/** Waits until the card says so. */
export async function says (card: Locator, state: string): Promise<void> {
  await card.locator('.pill').getByText(state, { exact: true }).waitFor()
}

/** Opens the latest request of a card, and gives what is to be read there: the request, and the answer. */
export async function opensLatest (card: Locator): Promise<{ request: string, answer: string }> {
  await card.locator('.requests > summary').click()
  await card.locator('.exchange > summary').first().click()
  const [request = '', answer = ''] = await card.locator('.exchange').first().locator('pre').allInnerTexts()
  return { request, answer }
}

/** Gives Swagger UI the Authorization header, as `write` puts it into the field. */
export async function authorize (page: Page, write: (field: Locator) => Promise<void>): Promise<void> {
  await page.locator('.scheme-container').getByRole('button', { name: 'Authorize' }).click()
  const dialog = page.locator('.modal-ux')
  await write(dialog.getByRole('textbox'))
  await dialog.getByRole('button', { name: 'Apply credentials' }).click()
  await dialog.getByRole('button', { name: 'Close' }).first().click()
}
