import { fileURLToPath } from 'node:url'

/** The folder of the results: one file for each process that ran a server. */
export const recordFolder = fileURLToPath(new URL('../../.tap/every-answer/', import.meta.url))

/** The OpenAPI document of a running server. */
export const documentFile = `${recordFolder}openapi.json`
