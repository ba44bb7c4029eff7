/** The history: earlier texts with their results, in this browser's IndexedDB. */

import { countByType, place } from './entities.js';
import { Offsets } from '../text/offsets.js';
import { foundIn, NO_DOCUMENT } from '../state/state.js';

/** @typedef {import('../state/state.js').State} State */
/** @typedef {[type: string, start: number, end: number, score: number, source?: 'model' | 'lexicon']} StoredEntity offsets in code points */
/**
 * @typedef {object} Entry
 * @property {number} at milliseconds since 1970; unique
 * @property {string} text
 * @property {Record<string, number>} counts
 * @property {{ name: string, encoding: string, raw: string } | null} [source]
 * @property {StoredEntity[] | null} [entities] null for an entry of an earlier version, which stored the text only
 * @property {import('../text/parts.js').Part[]} [pending] parts without a response
 * @property {import('../state/state.js').Call | null} [call]
 * @property {number} [bytes] approximate size
 */

const MAX_ENTRIES = 50;
const MAX_BYTES = 16 * 1024 * 1024;

/** @param {State} state @returns {Entry | null} null when there is no result to record */
export function entryOf(state) {
  const { document, entities, pending, call } = state;
  if (!document) return null;
  const { text, source } = document;
  const entry = {
    at: Date.now(),
    text,
    counts: Object.fromEntries(countByType(foundIn(state), [])),
    source: source && { name: source.name, encoding: source.encoding, raw: source.raw },
    entities: entities.map(/** @returns {StoredEntity} */ ({ type, start, end, score, source }) => (source === 'lexicon' ? [type, start, end, score, source] : [type, start, end, score])),
    pending: [...pending],
    call,
  };
  return { ...entry, bytes: new TextEncoder().encode(JSON.stringify(entry)).length };
}

/** The document's fields of the state, as they were recorded. @param {Entry} entry @returns {Partial<State>} */
export function documentOf({ text, source, entities, pending = [], call = null }) {
  if (!entities) return NO_DOCUMENT;
  const offsets = new Offsets(text);
  const received = entities.map(([type, start_offset, end_offset, score, source]) => ({ type, start_offset, end_offset, score, source, span: '', color: '' }));
  return {
    ...NO_DOCUMENT,
    document: { text, offsets, source: source ? { ...source, bytes: null } : null },
    entities: place(text, offsets, 0, received),
    pending,
    call,
    phase: pending.length ? 'stopped' : 'done',
  };
}

/**
 * The entries after a new one: one entry per text, the newest first, within the limits.
 *
 * @param {readonly Entry[]} entries
 * @param {Entry} entry
 * @param {boolean} live whether the text grows while it is typed: then it replaces its own beginning
 * @returns {Entry[]}
 */
export function add(entries, entry, live) {
  const [newest] = entries;
  if (live && newest && newest.text !== entry.text && newest.text.startsWith(entry.text)) return [...entries];
  const at = newest && entry.at <= newest.at ? newest.at + 1 : entry.at;
  const others = entries.filter((known, index) => known.text !== entry.text && !(live && index === 0 && entry.text.startsWith(known.text)));
  let bytes = 0;
  return [{ ...entry, at }, ...others].filter((known, index) => {
    bytes += sizeOf(known);
    return index === 0 || (index < MAX_ENTRIES && bytes <= MAX_BYTES);
  });
}

/** @param {Entry} entry */
export function sizeOf({ bytes, text }) {
  return bytes ?? 3 * text.length;
}
