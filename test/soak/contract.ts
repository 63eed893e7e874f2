import { readFileSync } from 'node:fs'

import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

import type { Answer } from '../bench/client.js'

const document = JSON.parse(readFileSync(new URL('../../../schemas/openapi.json', import.meta.url), 'utf8'))
const ajv = new Ajv2020({ strict: false })
addFormats.default(ajv)
ajv.addSchema(document, 'contract')

const HEADERS = [/\r\ncontent-type: application\/json; charset=utf-8\r\n/i, /\r\ncache-control: no-store\r\n/i]

/**
 * The texts that conform to the contract, by status: of millions of answers few are different, so that each
 * is checked whole.
 */
const good = new Set<string>()

/** True for an answer that the contract allows, by a validator that had no part in making it. */
export function isOnContract ({ statusCode, head, body }: Answer): boolean {
  const text = `${statusCode} ${body}`
  if (!good.has(text)) {
    if (!validates(statusCode, body)) return false
    good.add(text)
  }
  return HEADERS.every((header) => header.test(head))
}

function validates (statusCode: number, body: Buffer): boolean {
  if (statusCode !== 200 && statusCode < 400) return false
  const definition = statusCode === 200 ? 'ItemJobInstanceState' : 'ErrorResponse'
  try {
    return ajv.validate(`contract#/components/schemas/${definition}`, JSON.parse(body.toString()))
  } catch {
    return false
  }
}
