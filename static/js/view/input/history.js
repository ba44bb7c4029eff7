/** The history panel: earlier texts with their results. */

import { Database } from '../../core/state/database.js';
import { number, fileSize, languageTag, t, typeName } from '../../core/language/i18n.js';
import { add, documentOf, entryOf, sizeOf } from '../../core/results/history.js';
import { jsonDocument } from '../../core/results/exporters.js';
import { el, find, save } from '../page/dom.js';
import { labelled, provenance } from '../results/exports.js';

/** @typedef {import('../../core/results/history.js').Entry} Entry */
/** @typedef {import('../../core/state/state.js').State} State */

const TITLE = 60;

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {import('./editor.js').Load} load
 */
export function history(store, load) {
  const list = find('#history', HTMLElement);
  const empty = find('#history-empty', HTMLElement);
  const size = find('#history-size', HTMLElement);
  const keep = find('#keep', HTMLInputElement);
  const clear = find('#history-clear', HTMLButtonElement);
  const exportAll = find('#history-export', HTMLButtonElement);
  const database = new Database();
  /** @type {Entry[]} */
  let entries = [];
  let loaded = false;

  function draw() {
    list.replaceChildren(...entries.map(item));
    empty.hidden = entries.length > 0 || !loaded;
    empty.textContent = store.state.keep ? t('history.empty') : t('history.off');
    const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    size.textContent = entries.length ? t('history.size', { n: number(entries.length), size: fileSize(bytes) }) : '';
    clear.disabled = exportAll.disabled = !entries.length;
  }

  /** @param {Entry[]} next */
  function change(next) {
    void database.save(entries, next);
    entries = next;
    draw();
  }

  /** @param {'historyCleared' | 'historyOff'} kind */
  function erase(kind) {
    const erased = entries;
    change([]);
    if (erased.length === 0) return;
    const restore = () => {
      if (kind === 'historyOff') store.set({ keep: true });
      const restored = new Set(entries.map(({ text }) => text));
      change([...entries, ...erased.filter(({ text }) => !restored.has(text))]);
    };
    store.set({ undo: { kind, restore } });
  }

  store.watch(['keep', 'language'], (state) => {
    keep.checked = state.keep;
    draw();
  });
  keep.addEventListener('change', () => {
    store.set({ keep: keep.checked });
    if (!keep.checked) erase('historyOff');
  });
  clear.addEventListener('click', () => erase('historyCleared'));
  exportAll.addEventListener('click', () => {
    const documents = entries.map((entry) => exported(store.state, entry));
    save('raner-history.json', 'application/json', `${JSON.stringify(documents, null, 2)}\n`);
  });
  list.addEventListener('click', ({ target }) => {
    const index = target instanceof Element ? target.closest('button')?.dataset.index : undefined;
    const entry = entries[Number(index)];
    if (!entry) return;
    const source = entry.source ? { ...entry.source, bytes: null } : null;
    load(source?.raw ?? entry.text, source, documentOf(entry));
    const output = find(entry.entities ? '#output' : '#text', HTMLElement);
    output.focus({ preventScroll: true });
    (output.closest('section') ?? output).scrollIntoView({ block: 'nearest' });
  });

  void database.load().then((stored) => {
    loaded = true;
    // A detection may have ended before the database was open.
    const early = new Set(entries.map(({ text }) => text));
    entries = [...entries, ...stored.filter(({ text }) => !early.has(text))];
    draw();
  });

  return {
    record() {
      const entry = store.state.keep ? entryOf(store.state) : null;
      if (entry) change(add(entries, entry, store.state.live));
    },
  };
}

/** An entry as in a JSON export of its document. @param {State} state @param {Entry} entry */
function exported(state, entry) {
  const at = new Date(entry.at).toISOString();
  if (!entry.entities) return { at, text: entry.text };
  const restored = { ...state, ...documentOf(entry) };
  const all = { ...restored, visible: restored.entities };
  return { at, ...jsonDocument(labelled(all), { ...provenance(all), excluded: [], types: [...new Set(restored.entities.map(({ type }) => type))] }) };
}

/** @param {Entry} entry @param {number} index */
function item({ at, text, counts, pending, entities }, index) {
  const title = [...text.trim().slice(0, 4 * TITLE)].slice(0, TITLE).join('').replace(/\s+/g, ' ');
  const when = new Intl.DateTimeFormat(languageTag(), { dateStyle: 'short', timeStyle: 'short' }).format(at);
  const tags = Object.entries(counts).map(([type, count]) => el('span', { class: 'tag', 'data-type': type }, `${typeName(type)} ${number(count)}`));
  const state = entities === null ? t('history.text') : pending?.length ? t('history.partial') : '';
  return el(
    'li',
    {},
    el(
      'button',
      { class: 'past', type: 'button', 'data-index': index },
      el('span', { class: 'past-text', lang: 'zh-CN' }, title),
      el('span', { class: 'past-meta' }, el('time', { datetime: new Date(at).toISOString() }, when), ...(state ? [el('span', {}, state)] : []), ...tags),
    ),
  );
}
