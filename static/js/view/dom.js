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
