/**
 * Colours and labels of entity types as rules of a constructed style sheet. A `mark` has only its type as an attribute,
 * so a change of colours or language does not change any mark.
 */

import { typeLabel } from '../core/i18n.js';

/** The colour names of the API, as in ../../../web/styles/tokens.css. @type {Record<string, string>} */
const NEON = {
  red: '#ff4d5e',
  cyan: '#00f0ff',
  yellow: '#fcee0a',
  white: '#e6f1ff',
  green: '#4dff9d',
  magenta: '#ff6bf1',
  orange: '#ffa24d',
  blue: '#7aa8ff',
  purple: '#b794ff',
};
/** @type {Record<string, string>} */
const DEFAULTS = { PER: 'red', LOC: 'cyan', ORG: 'yellow' };
/** Underline style and thickness: they tell ten types apart without colour. */
const UNDERLINES = ['solid 2px', 'dashed 2px', 'double 2px', 'dotted 3px', 'wavy 1.5px', 'solid 4px', 'dashed 4px', 'double 4px', 'dotted 5px', 'wavy 3px'];

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

/**
 * @param {string} type
 * @param {Record<string, string>} [colors] type → colour word or CSS colour
 */
export function colorOf(type, colors = {}) {
  const word = colors[type] ?? DEFAULTS[type] ?? 'white';
  if (Object.hasOwn(NEON, word)) return NEON[word];
  return CSS.supports('color', word) ? word : NEON.white;
}

/**
 * @param {string[]} types
 * @param {Record<string, string>} [colors]
 */
export function paintTypes(types, colors) {
  const rules = types.map((type, index) => {
    const name = CSS.escape(type);
    return `[data-type="${name}"] { --tint: ${colorOf(type, colors)}; --line: ${UNDERLINES[index % UNDERLINES.length]}; }
      mark[data-type="${name}"]::after { content: "${cssString(typeLabel(type))}"; }`;
  });
  sheet.replaceSync(rules.join('\n'));
}

/** @param {string} text */
function cssString(text) {
  return text.replace(/[^\p{L}\p{N} ]/gu, (char) => `\\${/** @type {number} */ (char.codePointAt(0)).toString(16)} `);
}
