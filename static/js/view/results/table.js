/** The entity table: grouped or single, sortable and filterable. A row leads to its entity in the text. */

import { group, keyOf } from '../../core/results/entities.js';
import { number, scoreText, t, typeLabel, typeName } from '../../core/language/i18n.js';
import { eachFrame, el, find, keepFocus } from '../page/dom.js';

/** @typedef {import('../../core/results/entities.js').Entity} Entity */
/** @typedef {'span' | 'type' | 'count' | 'score' | 'start'} Column */
/** @typedef {{ key: string, span: string, type: string, count: number, score: number, start: number, entities: Entity[] }} Row */

/** @type {Column[]} */
const COLUMNS = ['span', 'type', 'count', 'score', 'start'];
const PAGE = 100;
const CHINESE = new Intl.Collator('zh-CN');

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {(entity: Entity) => void} jump
 */
export function table(store, jump) {
  const head = find('#table-head', HTMLTableRowElement);
  const body = find('#table-body', HTMLTableSectionElement);
  const empty = find('#table-empty', HTMLElement);
  const more = find('#table-more', HTMLButtonElement);
  const size = find('#table-size', HTMLElement);
  const filter = find('#filter', HTMLInputElement);
  const grouped = find('#grouped', HTMLInputElement);
  const scroll = find('.table-scroll', HTMLElement);

  /** @type {{ column: Column, descending: boolean }} */
  let order = { column: 'count', descending: true };
  let limit = PAGE;
  /** The next occurrence that a row of a group leads to, by key. @type {Map<string, number>} */
  const visits = new Map();

  const draw = eachFrame(() => {
    const { visible, selected, entities } = store.state;
    const wanted = store.state.filter.trim().toLowerCase();
    const all = store.state.grouped ? groupRows(visible) : singleRows(visible);
    const rows = all.filter(({ span, type }) => !wanted || `${span} ${type} ${typeName(type)}`.toLowerCase().includes(wanted));
    rows.sort((a, b) => compare(a, b, order.column) * (order.descending ? -1 : 1) || a.start - b.start);
    keepFocus(head, () => head.replaceChildren(...COLUMNS.map(heading)));
    keepFocus(body, () => body.replaceChildren(...rows.slice(0, limit).map((row) => line(row, row.key === selected))), scroll);
    empty.hidden = rows.length > 0;
    empty.textContent = t(all.length ? 'table.unmatched' : entities.length ? 'table.hidden' : 'table.empty');
    if (rows.length <= limit && document.activeElement === more) scroll.focus();
    more.hidden = rows.length <= limit;
    size.textContent = rows.length ? t('table.rows', { n: number(rows.length) }) : '';
  });

  /** @param {Column} column */
  function heading(column) {
    const active = order.column === column;
    const sort = active ? (order.descending ? 'descending' : 'ascending') : 'none';
    return el(
      'th',
      { scope: 'col', 'aria-sort': sort, 'data-column': column },
      el('button', { type: 'button', 'data-focus': column }, t(`table.${column}`)),
    );
  }

  store.watch(['visible', 'selected', 'language', 'filter', 'grouped'], (state) => {
    if (filter.value !== state.filter) filter.value = state.filter;
    grouped.checked = state.grouped;
    draw();
  });
  store.watch(['document'], () => {
    limit = PAGE;
    visits.clear();
    scroll.scrollTop = 0;
  });
  filter.addEventListener('input', () => store.set({ filter: filter.value }));
  grouped.addEventListener('change', () => store.set({ grouped: grouped.checked }));
  more.addEventListener('click', () => {
    limit += PAGE;
    draw();
  });
  head.addEventListener('click', ({ target }) => {
    const cell = target instanceof Element ? target.closest('th') : null;
    if (!cell) return;
    const column = /** @type {Column} */ (cell.dataset.column);
    const numeric = column === 'count' || column === 'score';
    order = { column, descending: order.column === column ? !order.descending : numeric };
    draw();
  });
  body.addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest('button') : null;
    if (!button) return;
    const key = button.dataset.key ?? '';
    const places = store.state.visible.filter((entity) => keyOf(entity) === key);
    const turn = visits.get(key) ?? 0;
    visits.set(key, turn + 1);
    const single = places.find(({ start }) => String(start) === button.dataset.start);
    store.set({ selected: key });
    const entity = store.state.grouped ? places[turn % places.length] : single;
    if (entity) jump(entity);
  });
}

/** @param {readonly Entity[]} entities @returns {Row[]} */
function groupRows(entities) {
  return group(entities).map((row) => ({ ...row, count: row.entities.length, start: row.entities[0].start }));
}

/** @param {readonly Entity[]} entities @returns {Row[]} */
function singleRows(entities) {
  const counts = new Map(group(entities).map((row) => [row.key, row.entities.length]));
  return entities.map((entity) => {
    const key = keyOf(entity);
    return { ...entity, key, count: counts.get(key) ?? 1, entities: [entity] };
  });
}

/** @param {Row} a @param {Row} b @param {Column} column */
function compare(a, b, column) {
  if (column === 'span' || column === 'type') return CHINESE.compare(a[column], b[column]);
  return a[column] - b[column];
}

/** @param {Row} row @param {boolean} selected */
function line(row, selected) {
  const { key, span, type, count, score, start } = row;
  const name = el('button', { class: 'name', type: 'button', 'data-key': key, 'data-start': start, 'data-focus': `${key} ${start}`, title: t('table.jump', { span }) }, span);
  return el(
    'tr',
    { class: selected ? 'is-selected' : null, 'data-type': type },
    el('th', { scope: 'row' }, name),
    el('td', {}, el('span', { class: 'tag', title: typeName(type) }, typeLabel(type))),
    el('td', { class: 'num' }, number(count)),
    el('td', { class: 'num' }, scoreText(score)),
    el('td', { class: 'num' }, number(start)),
  );
}
