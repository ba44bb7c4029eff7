/** Grids of equal columns, as many as fit without a last row of a single cell. */

import { find } from './dom.js';

/** Minimum column width in rem, for Chinese and for English. @type {Record<string, Record<import('../../core/language/strings.js').Language, number>>} */
const GRIDS = {
  '#legend': { zh: 5.75, en: 6.75 },
  '#figures': { zh: 5.5, en: 5.75 },
  '#call': { zh: 5, en: 5.25 },
  '#exports': { zh: 6.75, en: 7.25 },
  '#dials': { zh: 8.5, en: 8.5 },
};

/** @param {import('../../core/state/state.js').PageStore} store */
export function columns(store) {
  const updates = Object.entries(GRIDS).map(([selector, widths]) => balance(find(selector, HTMLElement), () => widths[store.state.language]));
  store.watch(['language'], () => updates.forEach((update) => update()));
}

/**
 * The number of columns for `count` cells when at most `most` fit. A single last cell is avoided where possible.
 *
 * @param {number} count
 * @param {number} most
 */
export function columnsFor(count, most) {
  const fitting = Math.max(1, Math.min(count, most));
  for (let columns = fitting; columns > 1; columns--) {
    const last = count % columns;
    if (last !== 1 && (last === 0 || last >= columns - 1)) return columns;
  }
  return fitting;
}

/** @param {HTMLElement} grid @param {() => number} minimum width of a column in rem */
function balance(grid, minimum) {
  const update = () => {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const gap = parseFloat(getComputedStyle(grid).columnGap) || 0;
    const most = Math.floor((grid.clientWidth + gap) / (minimum() * rem + gap));
    const count = grid.childElementCount;
    const columns = columnsFor(count, most);
    grid.toggleAttribute('data-orphan', columns > 1 && count % columns === 1);
    const wanted = `repeat(${columns}, minmax(0, 1fr))`;
    if (grid.style.gridTemplateColumns !== wanted) grid.style.gridTemplateColumns = wanted;
  };
  new ResizeObserver(update).observe(grid);
  new MutationObserver(update).observe(grid, { childList: true });
  return update;
}
