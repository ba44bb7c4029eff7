/** Creates elements without parsing HTML: every string becomes a text node. */

/**
 * @template {Element} E
 * @param {string} selector
 * @param {new () => E} kind
 * @param {ParentNode} [root]
 * @returns {E}
 */
export function find(selector, kind, root = document) {
  const element = root.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`the page has no ${selector}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | null>} [attributes] false and null omit the attribute
 * @param {...(Node | string | number)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.map((child) => (typeof child === 'number' ? String(child) : child)));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...Node} children
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @param {string} name the id of a symbol in index.html, without `i-` */
export function icon(name) {
  return svg('svg', { 'aria-hidden': 'true' }, svg('use', { href: `#i-${name}` }));
}

/**
 * Replaces the children of an element and focuses the successor of the focused one: the one with the same `data-focus`.
 *
 * @param {Element} root
 * @param {() => void} replace
 * @param {HTMLElement} [otherwise] focused when there is no successor; default: the nearest focusable ancestor
 */
export function keepFocus(root, replace, otherwise) {
  const focused = root.contains(document.activeElement) && document.activeElement instanceof HTMLElement ? document.activeElement : null;
  replace();
  if (!focused) return;
  const successor = [...root.querySelectorAll('[data-focus]')].find((element) => element instanceof HTMLElement && element.dataset.focus === focused.dataset.focus);
  const fallback = otherwise ?? root.closest('[tabindex]') ?? root.closest('section');
  if (successor instanceof HTMLElement) successor.focus({ preventScroll: true });
  else if (fallback instanceof HTMLElement) {
    if (!fallback.hasAttribute('tabindex')) fallback.tabIndex = -1;
    fallback.focus({ preventScroll: true });
  }
}

/** Saves a file to the browser's downloads. @param {string} name @param {string} mime @param {string} content */
export function save(name, mime, content) {
  const url = URL.createObjectURL(new Blob([content], { type: `${mime};charset=utf-8` }));
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Runs `work` at most once per frame, with the latest arguments.
 *
 * @template {unknown[]} A
 * @param {(...args: A) => void} work
 */
export function eachFrame(work) {
  /** @type {A | null} */
  let latest = null;
  return (/** @type {A} */ ...args) => {
    if (!latest) {
      requestAnimationFrame(() => {
        const now = /** @type {A} */ (latest);
        latest = null;
        work(...now);
      });
    }
    latest = args;
  };
}
