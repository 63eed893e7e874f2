import { fileURLToPath } from 'node:url'

/** Where each process that ran a server says what it has held against the document: one file for each. */
export const recordFolder = fileURLToPath(new URL('../../.tap/every-answer/', import.meta.url))

/** The OpenAPI document of a running server. */
export const documentFile = `${recordFolder}openapi.json`
