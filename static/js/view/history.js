/** The history panel: earlier texts, stored in this browser only. */

import { countByType } from '../core/entities.js';
import { languageTag, number, t, typeName } from '../core/i18n.js';
import { readLocal, writeLocal } from '../core/preferences.js';
import { foundIn } from '../core/state.js';
import { el, find } from './dom.js';

/** @typedef {{ at: number, text: string, counts: Record<string, number> }} Entry */

const KEY = 'raner.history';
const MAX_ENTRIES = 20;
/** Browsers limit a site to about five million characters. */
const MAX_TEXT = 100_000;
const TITLE = 60;

/**
 * @param {import('../core/state.js').PageStore} store
 * @param {(text: string) => void} load
 */
export function textHistory(store, load) {
  const list = find('#history', HTMLElement);
  const empty = find('#history-empty', HTMLElement);
  const keep = find('#keep', HTMLInputElement);
  const clear = find('#history-clear', HTMLButtonElement);
  let entries = readEntries();

  function draw() {
    list.replaceChildren(...entries.map(item));
    empty.hidden = entries.length > 0;
    empty.textContent = store.state.keep ? t('history.empty') : t('history.off');
    clear.disabled = !entries.length;
  }

  /** @param {Entry[]} next */
  function save(next) {
    entries = next;
    // When the storage is full, drop the oldest texts.
    while (!writeLocal(KEY, entries.length ? entries : null) && entries.length) entries = entries.slice(0, -1);
    draw();
  }

  store.watch(['keep', 'language'], (state) => {
    keep.checked = state.keep;
    draw();
  });
  keep.addEventListener('change', () => {
    store.set({ keep: keep.checked });
    if (!keep.checked) save([]);
  });
  clear.addEventListener('click', () => save([]));
  list.addEventListener('click', ({ target }) => {
    const index = target instanceof Element ? target.closest('button')?.dataset.index : undefined;
    const entry = entries[Number(index)];
    if (entry) load(entry.text);
  });

  return {
    record() {
      const { keep: wanted, document, live } = store.state;
      if (!wanted || !document || document.text.length > MAX_TEXT) return;
      const { text } = document;
      // Live mode detects at every pause: record a growing text once, and skip one that is being deleted.
      if (live && entries[0]?.text.startsWith(text) && entries[0].text !== text) return;
      const entry = { at: Date.now(), text, counts: Object.fromEntries(countByType(foundIn(store.state), [])) };
      const others = entries.filter((known, index) => known.text !== text && !(live && index === 0 && text.startsWith(known.text)));
      save([entry, ...others].slice(0, MAX_ENTRIES));
    },
  };
}

/** @returns {Entry[]} */
function readEntries() {
  const stored = readLocal(KEY);
  if (!Array.isArray(stored)) return [];
  return stored.filter((entry) => typeof entry?.text === 'string' && Number.isFinite(entry.at) && entry.counts).slice(0, MAX_ENTRIES);
}

/** @param {Entry} entry @param {number} index */
function item({ at, text, counts }, index) {
  const title = [...text.trim().slice(0, 4 * TITLE)].slice(0, TITLE).join('').replace(/\s+/g, ' ');
  const when = new Intl.DateTimeFormat(languageTag(), { dateStyle: 'short', timeStyle: 'short' }).format(at);
  const tags = Object.entries(counts).map(([type, count]) => el('span', { class: 'tag', 'data-type': type }, `${typeName(type)} ${number(count)}`));
  return el(
    'li',
    {},
    el(
      'button',
      { class: 'past', type: 'button', 'data-index': index },
      el('span', { class: 'past-text', lang: 'zh-CN' }, title),
      el('span', { class: 'past-meta' }, el('time', { datetime: new Date(at).toISOString() }, when), ...tags),
    ),
  );
}
