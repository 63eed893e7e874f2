import { existsSync } from 'node:fs'

import { chromium, type Browser } from 'playwright-core'

const { CHROMIUM_PATH = '/usr/bin/chromium', CI } = process.env

const isThere = existsSync(CHROMIUM_PATH)

/** What a test that needs a browser gives to tap as `skip`: under `CI=true` it runs, and fails where there is none. */
export const skipWithoutChromium = isThere || CI === 'true' ? false : `no Chromium at ${CHROMIUM_PATH}`

/** A Chromium that asks nothing of anybody but the pages that it is shown. */
export function launchChromium (): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM_PATH,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'
    ]
  })
}
