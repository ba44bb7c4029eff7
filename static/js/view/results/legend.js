/** The legend: a button per entity type with its count, which hides or shows the type, and the score threshold. */

import { countByType, shown } from '../../core/results/entities.js';
import { number, percent, t, typeName } from '../../core/language/i18n.js';
import { foundIn, isOn, isOptional, typesOf } from '../../core/state/state.js';
import { eachFrame, el, find } from '../page/dom.js';
import { paintTypes } from './palette.js';

/** @typedef {import('../../core/state/state.js').PageStore} PageStore */

/** @param {PageStore} store */
export function legend(store) {
  const root = find('#legend', HTMLElement);
  const range = find('#threshold', HTMLInputElement);
  const value = find('#threshold-value', HTMLOutputElement);
  const kept = find('#threshold-kept', HTMLElement);
  const note = find('#legend-note', HTMLElement);
  let drawn = '';

  store.watch(['model', 'entities', 'language'], (state) => {
    const types = typesOf(state);
    const { colors, default_types } = state.model ?? {};
    const now = JSON.stringify([state.language, types, default_types, colors]);
    if (now === drawn) return;
    drawn = now;
    paintTypes(types, colors);
    root.replaceChildren(...types.map((type) => tile(type, isOptional(state.model, type))));
  });

  store.watch(['model', 'entities', 'threshold', 'hidden', 'extras', 'language'], (state) => {
    const passing = shown(state.entities, state.threshold);
    const counts = countByType(passing, typesOf(state));
    for (const button of root.querySelectorAll('button')) {
      const type = button.dataset.type ?? '';
      find('[data-count]', HTMLElement, button).textContent = number(counts.get(type) ?? 0);
      button.setAttribute('aria-pressed', String(isOn(state, type)));
      find('.tile-state', HTMLElement, button).textContent = isOn(state, type) ? '' : t('legend.off');
    }
    const off = [...counts].filter(([type, count]) => count && !isOn(state, type));
    const n = off.reduce((sum, [, count]) => sum + count, 0);
    note.textContent = n ? t('legend.note', { n: number(n), types: off.map(([type]) => typeName(type)).join(t('list.comma')) }) : '';
  });

  store.watch(['visible', 'entities', 'threshold', 'language'], (state) => {
    const { visible, threshold } = state;
    const found = foundIn(state);
    range.value = String(Math.round(100 * threshold));
    value.textContent = percent(threshold);
    range.setAttribute('aria-valuetext', percent(threshold));
    kept.textContent = found.length
      ? t('threshold.kept', { shown: number(visible.length), total: number(found.length) })
      : '';
  });

  root.addEventListener('click', ({ target }) => {
    const type = target instanceof Element ? target.closest('button')?.dataset.type : undefined;
    if (type) toggleType(store, type);
  });
  range.addEventListener(
    'input',
    eachFrame(() => store.set({ threshold: range.valueAsNumber / 100 })),
  );
}

/** @param {string} type @param {boolean} optional */
function tile(type, optional) {
  const name = typeName(type);
  return el(
    'button',
    { class: optional ? 'tile is-optional' : 'tile', type: 'button', 'data-type': type, 'aria-pressed': 'true' },
    el('span', { class: 'tile-name' }, name),
    ' ',
    el('small', { class: 'tile-type' }, name === type ? '' : type),
    ' ',
    el('span', { class: 'tile-count', 'data-count': type }, 0),
    ' ',
    el('small', { class: 'tile-state' }),
  );
}

/** @param {PageStore} store @param {string} type */
export function toggleType(store, type) {
  const { model, extras, hidden } = store.state;
  if (isOptional(model, type)) {
    store.set({ extras: extras.includes(type) ? extras.filter((other) => other !== type) : [...extras, type] });
    return;
  }
  const next = new Set(hidden);
  if (!next.delete(type)) next.add(type);
  store.set({ hidden: next });
}
