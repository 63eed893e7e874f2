// The texts of states, times and items.

/** @type {Record<string, string>} */
const STATES = {
  NotStarted: 'Not started',
  InProgress: 'In progress',
  Accepted: 'Accepted',
  NoState: 'No state reported',
  NoResponse: 'No response'
}

/** @param {string} state */
export const stateText = (state) => STATES[state] ?? state

/** @param {number | string} time */
export const clock = (time) => new Date(time).toLocaleTimeString('en-GB')

/** @param {number | string} time */
export const dateAndTime = (time) => new Date(time).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** Without the date for today. @param {number | string} time */
export const when = (time) =>
  new Date(time).toDateString() === new Date().toDateString() ? clock(time) : dateAndTime(time)

/** @param {number} ms */
export function duration (ms) {
  const seconds = ms / 1_000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  return whole < 3_600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3_600)} h ${Math.floor(whole / 60) % 60} min`
}

/** The last part of `Contoso.FinanceAnalytics.Forecast`. @param {string} itemType */
export const itemName = (itemType) => itemType.split('.').at(-1) ?? itemType
