import { existsSync } from 'node:fs'

import { chromium, type Browser } from 'playwright-core'

const { CHROMIUM_PATH = '/usr/bin/chromium', CI } = process.env

const isThere = existsSync(CHROMIUM_PATH)

/** tap's option `skip` of tests that need a browser: with `CI=true` they run, and fail without a browser. */
export const skipWithoutChromium = isThere || CI === 'true' ? false : `no Chromium at ${CHROMIUM_PATH}`

/** A Chromium that sends requests only for the pages under test. */
export function launchChromium (): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM_PATH,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'
    ]
  })
}
