/** The user's lexicon: parsed from tab-separated lines, kept in localStorage, and sent with each request. */

import { readLocal, writeLocal } from './preferences.js';

const KEY = 'raner.lexicon';
const MODES = ['prefer', 'force', 'forbid', 'hint'];
const MAX_CHARS = 100;
const MAX_WEIGHT = 100;
/** The service's default limit. */
const MAX_ENTRIES = 1000;

/** @typedef {'prefer' | 'force' | 'forbid' | 'hint'} Mode */
/** @typedef {{ text: string, type: string, weight?: number }} Entry */
/** @typedef {Partial<Record<Mode, Entry[]>>} InlineLexicon as in the field `lexicon` of a request */
/** @typedef {'fields' | 'mode' | 'weight' | 'long' | 'any' | 'twice'} ProblemKind */
/** @typedef {{ line: number, kind: ProblemKind }} Problem */
/**
 * @typedef {object} Lexicon
 * @property {InlineLexicon | null} inline null when there are no entries
 * @property {number} count entries
 * @property {string[]} types of the entries with the modes `prefer` and `force`
 * @property {Problem[]} problems lines that are left out
 */

/** @type {Lexicon} */
export const NO_LEXICON = { inline: null, count: 0, types: [], problems: [] };

/**
 * Parses one entry per line: text, type, and optionally mode and weight, separated by tabs or, in a line without tabs, by spaces.
 *
 * @param {string} source
 * @returns {Lexicon}
 */
export function parseLexicon(source) {
  /** @type {InlineLexicon} */
  const inline = {};
  /** @type {Problem[]} */
  const problems = [];
  const types = new Set();
  const seen = new Set();
  source.split(/\r\n|\r|\n/).forEach((line, index) => {
    if (!line.trim() || line.trimStart().startsWith('#')) return;
    const parsed = parseLine(line);
    const kind = typeof parsed === 'string' ? parsed : seen.has(parsed.entry.text) ? 'twice' : null;
    if (typeof parsed === 'string' || kind) {
      problems.push({ line: index + 1, kind: /** @type {ProblemKind} */ (kind) });
      return;
    }
    const { mode, entry } = parsed;
    seen.add(entry.text);
    (inline[mode] ??= []).push(entry);
    if (mode === 'prefer' || mode === 'force') types.add(entry.type);
  });
  return { inline: seen.size ? inline : null, count: seen.size, types: [...types], problems };
}

/** @param {string} line @returns {{ mode: Mode, entry: Entry } | ProblemKind} */
function parseLine(line) {
  const [text = '', type = '', mode = '', weight = '', ...rest] = line.includes('\t')
    ? line.split('\t').map((field) => field.trim())
    : line.trim().split(/\s+/u);
  if (!text || !type || rest.some(Boolean)) return 'fields';
  if ([...text].length > MAX_CHARS) return 'long';
  if (mode && !MODES.includes(mode)) return 'mode';
  if (type === '*' && mode !== 'forbid') return 'any';
  if (!weight) return { mode: /** @type {Mode} */ (mode || 'prefer'), entry: { text, type } };
  const bias = Number(weight);
  if (mode !== 'hint' || !Number.isFinite(bias) || Math.abs(bias) > MAX_WEIGHT) return 'weight';
  return { mode, entry: { text, type, weight: bias } };
}

/** How many entries a request may have. @param {import('../service/api.js').Model | null} model */
export function maxEntries(model) {
  return model?.limits.max_lexicon_entries ?? MAX_ENTRIES;
}

/** @returns {{ source: string, on: boolean }} */
export function loadLexicon() {
  const stored = readLocal(KEY);
  return { source: typeof stored?.source === 'string' ? stored.source : '', on: stored?.on !== false };
}

/** @param {string} source @param {boolean} on @returns {boolean} false when the browser does not store it */
export function saveLexicon(source, on) {
  return writeLocal(KEY, source || !on ? { source, on } : null);
}
