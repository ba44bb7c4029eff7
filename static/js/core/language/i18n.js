/** The current language, and text and numbers formatted in it. */

import { STRINGS } from './strings.js';

/** @typedef {import('./strings.js').Key} Key */
/** @typedef {import('./strings.js').Language} Language */

/** @type {Language} */
let current = 'zh';

/** @param {Language} language */
export function setLanguage(language) {
  current = language;
}

/** The language as a BCP 47 tag, as in HTML's `lang`. */
export function languageTag() {
  return current === 'zh' ? 'zh-CN' : 'en';
}

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values] for the placeholders of the text
 */
export function t(key, values = {}) {
  return STRINGS[current][key].replace(/\{(\w+)\}/g, (hole, name) => String(values[name] ?? hole));
}

/** The name of an entity type; the type itself when it has none. @param {string} type */
export function typeName(type) {
  const key = `type.${type}`;
  return key in STRINGS[current] ? t(/** @type {Key} */ (key)) : type;
}

/** The label next to a mark, short in both languages. @param {string} type */
export function typeLabel(type) {
  return current === 'zh' ? typeName(type) : type;
}

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export function number(value, options) {
  return new Intl.NumberFormat(languageTag(), options).format(value);
}

/** @param {number} fraction */
export function percent(fraction, digits = 0) {
  return number(fraction, { style: 'percent', maximumFractionDigits: digits });
}

/** Rounded down, so that only 1 becomes 100 %. @param {number} score */
export function scoreText(score) {
  return number(score, { style: 'percent', maximumFractionDigits: 1, roundingMode: 'floor' });
}

/** @param {number} bytes */
export function fileSize(bytes) {
  const [unit, value] = bytes < 1e6 ? ['kilobyte', bytes / 1e3] : ['megabyte', bytes / 1e6];
  return number(value, { style: 'unit', unit, maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** @param {number | null | undefined} ms */
export function milliseconds(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '—';
  if (ms >= 1000) return `${number(ms / 1000, { maximumFractionDigits: 2 })} s`;
  return `${number(ms, { maximumFractionDigits: ms < 10 ? 1 : 0 })} ms`;
}
