import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

import type { Running } from './server-process.js'

const ITEM = 'workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334' +
  '/items/Contoso.FinanceAnalytics.Forecast/b14cb7e7-d346-4751-9cfd-8c2767d53111'

/** Calls a workload server as Fabric does, with the headers that the server has written into a file. */
export class WorkloadClient {
  readonly #headers: Record<string, string>
  /** The URL of a job, without its ID. */
  readonly #jobs: string

  /** @param headers replace those of the file */
  constructor ({ url, headersFile }: Running, headers: Record<string, string> = {}) {
    this.#jobs = `${url}/${ITEM}/jobTypes/calculateForecast/instances/`
    const lines = readFileSync(headersFile, 'utf8').trim().split('\n')
    this.#headers = { ...Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2))), ...headers }
  }

  async create (id: string, creationPayload: object): Promise<number> {
    const response = await fetch(this.#jobs + id, {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify({ invokeType: 'Manual', creationPayload })
    })
    return response.status
  }

  async state (id: string, method = 'GET'): Promise<{ status: number, body: Record<string, unknown> }> {
    const response = await fetch(this.#jobs + id, { method, headers: this.#headers })
    return { status: response.status, body: Object(await response.json()) }
  }

  cancel (id: string) {
    return this.state(`${id}/cancel`, 'POST')
  }

  /** Polls until the job runs. */
  async isInProgress (id: string): Promise<void> {
    while ((await this.state(id)).body.status !== 'InProgress') await setTimeout(50)
  }

  /** Polls until the job has ended. */
  async end (id: string): Promise<Record<string, unknown>> {
    for (;;) {
      const { body } = await this.state(id)
      if (body.status !== 'NotStarted' && body.status !== 'InProgress') return body
      await setTimeout(50)
    }
  }

  /** Polls with the API of the Extensibility Toolkit. */
  async toolkit (operation: string, jobInstanceId: string, body: object = {}): Promise<{ status: number, body: Record<string, unknown> }> {
    const response = await fetch(this.#jobs.replace(/jobTypes\/.*/, `jobs/${operation}`), {
      method: 'POST',
      headers: { ...this.#headers, 'content-type': 'application/json' },
      body: JSON.stringify({ jobType: 'calculateForecast', jobInstanceId, ...body })
    })
    return { status: response.status, body: Object(await response.json()) }
  }

  async stranger (id: string): Promise<number> {
    return (await fetch(this.#jobs + id)).status
  }
}
