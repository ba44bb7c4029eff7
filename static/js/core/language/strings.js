/** Every text of the page in both languages. Tests check that both have the same keys and placeholders. */

import { CHINESE } from './chinese.js';
import { ENGLISH } from './english.js';

/** @typedef {import('./chinese.js').Key} Key */
/** @typedef {'zh' | 'en'} Language */

/** @type {Record<Language, Record<Key, string>>} */
export const STRINGS = { zh: CHINESE, en: ENGLISH };
