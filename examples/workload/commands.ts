import { randomUUID } from 'node:crypto'

export interface Running {
  /** The URL of the workload's API. */
  url: string
  /** The URL of the page that simulates Fabric; undefined where there is none. */
  page?: string | undefined
  /** A file with the headers of a call; undefined where Entra ID issues the tokens. */
  headersFile: string | undefined
  /** Where the jobs are stored. */
  store: string
}

const ITEM = 'workspaces/e5ef604d-e14f-4a59-9133-75d5a0cb9334' +
  '/items/Contoso.FinanceAnalytics.Forecast/b14cb7e7-d346-4751-9cfd-8c2767d53111'

/** Describes what runs, with commands to copy: start a job, get its state, cancel it. */
export function commandsToCopy ({ url, page, headersFile, store }: Running): string {
  const running = `Workload API: ${url} (jobs are stored in ${store})`
  if (headersFile === undefined) return `${running}\nOnly Microsoft Fabric can call it: the tokens are issued by Entra ID.\n`

  const curl = `curl -sS -H @${headersFile}`
  const job = () => `${url}/${ITEM}/jobTypes/calculateForecast/instances/${randomUUID()}`
  const start = (creationPayload: object) =>
    `${curl} -X POST $JOB -H 'content-type: application/json' -d '${JSON.stringify({ invokeType: 'Manual', creationPayload })}'`

  return `${page === undefined ? '' : `Fabric simulator: ${page}\n`}${running}
Request headers with valid tokens: ${headersFile}. Keep this file private: anyone who has it can call this server.

# Start a job and get its state: InProgress for 20 seconds, then Completed
JOB=${job()}
${start({ seconds: 20 })}
${curl} $JOB

# A job that fails after 5 seconds
JOB=${job()}
${start({ seconds: 5, fail: true })}
${curl} $JOB

# A job that is cancelled
JOB=${job()}
${start({ seconds: 600 })}
${curl} -X POST $JOB/cancel
${curl} $JOB
`
}
