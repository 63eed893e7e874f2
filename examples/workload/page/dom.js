// Access to the elements of the page.

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 */
export function element (id, type) {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`The page has no element #${id}`)
  return found
}

/**
 * A copy of a template, and access to its parts.
 * @param {string} id
 */
export function copyOf (id) {
  const root = document.importNode(element(id, HTMLTemplateElement).content, true).firstElementChild
  if (!(root instanceof HTMLElement)) throw new Error(`The template ${id} is empty`)
  return { root, part: partsOf(root) }
}

/** Returns a function that finds the parts of an element by their `data-part`. @param {HTMLElement} root */
export const partsOf = (root) => (/** @type {string} */ name) => {
  const found = root.querySelector(`[data-part="${name}"]`)
  if (!(found instanceof HTMLElement)) throw new Error(`The element has no part ${name}`)
  return found
}

/** @param {string} name @param {string} text */
export function node (name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

/**
 * Fills a description list; undefined facts are left out.
 * @param {HTMLElement} list
 * @param {Record<string, string | string[] | undefined>} facts
 */
export function showFacts (list, facts) {
  const groups = Object.entries(facts).flatMap(([term, details]) => {
    if (details === undefined || details.length === 0) return []
    const group = document.createElement('div')
    group.append(node('dt', term), ...[details].flat().map((detail) => node('dd', detail)))
    return [group]
  })
  list.replaceChildren(...groups)
  list.hidden = groups.length === 0
}

/**
 * Shows an error of the contract: the message, and the details when it is opened.
 * @param {HTMLElement} block
 * @param {import('fastify-fabric-job-state/schemas').ErrorResponse | undefined} error
 */
export function showError (block, error) {
  block.hidden = error === undefined
  if (error === undefined) return
  const part = partsOf(block)
  part('message').textContent = error.message
  showFacts(part('details'), {
    Code: error.errorCode,
    Source: error.source,
    Retry: error.isPermanent === undefined ? undefined : error.isPermanent ? 'will fail again' : 'may succeed',
    Parameters: error.messageParameters,
    Details: error.moreDetails?.map(({ errorCode, message }) => `${errorCode}: ${message}`)
  })
}

const announcement = element('announcement', HTMLElement)

/** Announces a text to screen readers. @param {string} text */
export const announce = (text) => { announcement.textContent = text }

/**
 * Copies a text when a button is pressed, and confirms it on the button.
 * @param {HTMLElement} button
 * @param {string} name
 * @param {() => string | Promise<string>} textOf
 */
export function copyWhenPressed (button, name, textOf) {
  const label = button.textContent
  button.ariaLabel = `Copy ${name}`
  button.addEventListener('click', async () => {
    // A promise, because some browsers allow writing only while the button is pressed.
    const blob = Promise.resolve(textOf()).then((text) => new Blob([text], { type: 'text/plain' }))
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': blob })])
    button.textContent = 'Copied'
    announce(`Copied ${name}.`)
    setTimeout(() => { button.textContent = label }, 2_000)
  })
}
