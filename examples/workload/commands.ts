import { randomUUID } from 'node:crypto'

export interface Running {
  /** Where the workload's API is. */
  url: string
  /** Where the page is that plays Fabric's part; none where only Fabric does. */
  page?: string | undefined
  /** A file with the headers of a call; none where only Fabric has them. */
  headersFile: string | undefined
  /** Where the jobs are kept. */
  store: string
}

const ITEM = 'workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334' +
  '/items/Contoso.FinanceAnalytics.Forecast/b14cb7e7-d346-4751-9cfd-8c2767d53111'

/** Says what runs, with commands to copy: start a job, see how it is doing, cancel it. */
export function commandsToCopy ({ url, page, headersFile, store }: Running): string {
  const running = `The workload's API is at ${url}, its jobs are kept in ${store}.`
  if (headersFile === undefined) return `${running}\nFabric alone can call it: no page here plays its part.\n`

  const curl = `curl -sS -H @${headersFile}`
  const job = () => `${url}/${ITEM}/jobTypes/calculateForecast/instances/${randomUUID()}`
  const start = (creationPayload: object) =>
    `${curl} -X POST $JOB -H 'content-type: application/json' -d '${JSON.stringify({ creationPayload })}'`

  return `${page === undefined ? '' : `A Fabric of your own, to look at: ${page}\n`}${running}
Tokens for it are in ${headersFile}: whoever has that file is Fabric, for this server, as long as it runs.

# Start a job, and see how it is doing: InProgress for 20 seconds, then Completed
JOB=${job()}
${start({ seconds: 20 })}
${curl} $JOB

# A job that fails after 5 seconds
JOB=${job()}
${start({ seconds: 10, fail: true })}
${curl} $JOB

# A job, cancelled
JOB=${job()}
${start({ seconds: 600 })}
${curl} -X POST $JOB/cancel
${curl} $JOB
`
}
