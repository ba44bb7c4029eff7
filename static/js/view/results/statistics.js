/** The statistics panel: figures of the visible entities, and the most frequent ones as bars. */

import { group, statistics as figuresOf } from '../../core/results/entities.js';
import { number, percent, t } from '../../core/language/i18n.js';
import { eachFrame, el, find, keepFocus } from '../page/dom.js';

const TOP = 8;

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {(entity: import('../../core/results/entities.js').Entity) => void} jump
 */
export function statistics(store, jump) {
  const figures = find('#figures', HTMLElement);
  const bars = find('#bars', HTMLElement);
  const empty = find('#bars-empty', HTMLElement);

  store.watch(
    ['document', 'visible', 'entities', 'selected', 'language'],
    eachFrame(({ document, visible, entities, selected }) => {
      const { total, unique, share, density } = figuresOf(visible, document?.offsets.points ?? 0);
      figure('total', number(total));
      figure('unique', number(unique));
      figure('share', percent(share, 1));
      figure('density', number(density, { maximumFractionDigits: 1 }));
      const top = group(visible).slice(0, TOP);
      const most = top[0]?.entities.length ?? 1;
      keepFocus(bars, () => bars.replaceChildren(...top.map((row) => bar(row, row.entities.length / most, row.key === selected))));
      empty.hidden = top.length > 0;
      empty.textContent = t(entities.length ? 'table.hidden' : 'table.empty');
    }),
  );

  bars.addEventListener('click', ({ target }) => {
    const key = target instanceof Element ? target.closest('button')?.dataset.key : undefined;
    const first = group(store.state.visible).find((row) => row.key === key)?.entities[0];
    if (!first) return;
    store.set({ selected: key });
    jump(first);
  });

  /** @param {string} name @param {string} value */
  function figure(name, value) {
    find(`[data-figure="${name}"]`, HTMLElement, figures).textContent = value;
  }
}

/**
 * @param {import('../../core/results/entities.js').Group} group
 * @param {number} share of the longest bar
 * @param {boolean} selected
 */
function bar({ key, type, span, entities }, share, selected) {
  const fill = el('i', { class: 'bar-fill', 'aria-hidden': 'true' });
  fill.style.setProperty('inline-size', `${share * 100}%`);
  const name = el('span', { class: 'bar-name' }, span);
  const count = el('span', { class: 'bar-count' }, number(entities.length));
  return el(
    'li',
    {},
    el('button', { class: 'bar', type: 'button', 'data-key': key, 'data-focus': key, 'data-type': type, 'aria-pressed': String(selected), title: t('table.jump', { span }) }, fill, name, ' ', count),
  );
}
