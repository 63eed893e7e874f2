// The jobs that this tab has started, also before a reload.

/** The paths of the latest 50 jobs, by their IDs. @type {Map<string, string>} */
const pathOf = new Map(JSON.parse(sessionStorage.getItem('started') ?? '[]'))

/** @param {string} id @param {string} path */
export function noteStarted (id, path) {
  pathOf.set(id, path)
  sessionStorage.setItem('started', JSON.stringify([...pathOf].slice(-50)))
}

/** @param {string} id */
export const isStartedHere = (id) => pathOf.has(id)

export const startedJobs = () => [...pathOf]
