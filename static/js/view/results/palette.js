/**
 * Colours and labels of entity types as rules of a constructed style sheet. A `mark` has only its type as an attribute,
 * so a change of colours or language does not change any mark.
 */

import { typeLabel } from '../../core/language/i18n.js';

/** The colour names of the API on the dark theme, as in ../../../../web/styles/tokens.css. @type {Record<string, string>} */
const DARK = {
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
/** On the light theme: at least 4.5:1 on every background of the page. @type {Record<string, string>} */
const LIGHT = {
  red: '#b3122a',
  cyan: '#00606b',
  yellow: '#665600',
  white: '#2f3646',
  green: '#0b6430',
  magenta: '#8f1387',
  orange: '#8a3f00',
  blue: '#1f4cb0',
  purple: '#5b35b3',
};
/** @type {Record<string, string>} */
const DEFAULTS = { PER: 'red', LOC: 'cyan', ORG: 'yellow' };
/** Underline style and thickness: they tell ten types apart without colour. */
const UNDERLINES = ['solid 2px', 'dashed 2px', 'double 2px', 'dotted 3px', 'wavy 1.5px', 'solid 4px', 'dashed 4px', 'double 4px', 'dotted 5px', 'wavy 3px'];

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

/**
 * @param {string} type
 * @param {Record<string, string>} [colors] type → colour name or CSS colour
 * @param {string} [theme] `dark` or `light`; default: the current one
 */
export function colorOf(type, colors = {}, theme = document.documentElement.dataset.theme) {
  const names = theme === 'light' ? LIGHT : DARK;
  const word = colors[type] ?? DEFAULTS[type] ?? 'white';
  if (Object.hasOwn(names, word)) return names[word];
  return CSS.supports('color', word) ? word : names.white;
}

/**
 * @param {string[]} types
 * @param {Record<string, string>} [colors]
 */
export function paintTypes(types, colors) {
  const rules = types.map((type, index) => {
    const name = CSS.escape(type);
    return `[data-type="${name}"] { --tint: ${colorOf(type, colors, 'dark')}; --line: ${UNDERLINES[index % UNDERLINES.length]}; }
      [data-theme="light"] [data-type="${name}"] { --tint: ${colorOf(type, colors, 'light')}; }
      mark[data-type="${name}"]::after { content: "${cssString(typeLabel(type))}"; }`;
  });
  sheet.replaceSync(rules.join('\n'));
}

/** @param {string} text */
function cssString(text) {
  return text.replace(/[^\p{L}\p{N} ]/gu, (char) => `\\${/** @type {number} */ (char.codePointAt(0)).toString(16)} `);
}
