/** Translates the elements that have `data-t`, `data-t-label`, `data-t-title` or `data-t-placeholder`. */

import { languageTag, t } from '../../core/language/i18n.js';

/** @typedef {import('../../core/language/strings.js').Key} Key */

const ATTRIBUTES = { tLabel: 'aria-label', tTitle: 'title', tPlaceholder: 'placeholder' };

/** @param {ParentNode} root */
export function translate(root) {
  document.documentElement.lang = languageTag();
  for (const element of root.querySelectorAll('[data-t], [data-t-label], [data-t-title], [data-t-placeholder]')) {
    if (!(element instanceof HTMLElement)) continue;
    if (element.dataset.t) element.textContent = t(/** @type {Key} */ (element.dataset.t));
    for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
      const key = element.dataset[name];
      if (key) element.setAttribute(attribute, t(/** @type {Key} */ (key)));
    }
  }
}
