/** The API page: draws `docs.json` with every operation, its request body, its responses and an example command. */

import { setLanguage, t } from './core/language/i18n.js';
import { example, nameOf, operations, typeLine } from './core/service/openapi.js';
import { loadPreferences, savePreferences } from './core/state/preferences.js';
import { applyTheme } from './view/page/appearance.js';
import { el, find } from './view/page/dom.js';
import { translate } from './view/page/translate.js';

/** @typedef {import('./core/service/openapi.js').Schema} Schema */

const preferences = loadPreferences();
const base = new URL('.', document.baseURI);
const main = find('#docs', HTMLElement);

/** @param {Schema} description */
function draw(description) {
  const schemas = Object.entries(description.components?.schemas ?? {});
  main.replaceChildren(
    el('section', { class: 'panel' }, el('h2', {}, `${description.info?.title ?? ''} ${description.info?.version ?? ''}`), el('p', {}, ...prose(description.info?.description ?? ''))),
    ...operations(description).map((operation) => operationPanel(description, operation)),
    el('h2', { 'data-t': 'docs.schemas' }),
    ...schemas.map(([name, schema]) => schemaPanel(name, schema)),
  );
}

/**
 * @param {Schema} description
 * @param {import('./core/service/openapi.js').Operation} operation
 */
function operationPanel(description, { verb, path, summary, description: text, request, responses }) {
  return el(
    'section',
    { class: 'panel' },
    el(
      'details',
      { open: verb === 'post' },
      el('summary', {}, el('span', { class: 'verb', 'data-verb': verb }, verb.toUpperCase()), el('span', { class: 'path' }, path), el('span', { class: 'hint' }, summary)),
      el(
        'div',
        { class: 'body' },
        ...(text ? [el('p', {}, ...prose(text))] : []),
        ...(request ? [el('h3', { 'data-t': 'docs.body' }), el('p', {}, typeLink(request))] : []),
        el('h3', { 'data-t': 'docs.try' }),
        code(curl(description, verb, path, request)),
        el('h3', { 'data-t': 'docs.responses' }),
        el('dl', { class: 'responses' }, ...responses.flatMap((response) => [el('dt', {}, response.status), el('dd', {}, ...prose(response.description), ' ', response.schema ? typeLink(response.schema) : '')])),
      ),
    ),
  );
}

/** @param {string} name @param {Schema} schema */
function schemaPanel(name, schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).flatMap(([property, inner]) => [
    el('dt', {}, property),
    el('dd', {}, el('code', {}, typeLine(inner)), required.has(property) ? ' · ' : '', required.has(property) ? el('b', { 'data-t': 'docs.required' }) : '', ...(inner.description ? prose(` · ${inner.description}`) : [])),
  ]);
  return el(
    'section',
    { class: 'panel', id: `schema-${name}` },
    el('h3', { class: 'path' }, name),
    ...(schema.description ? [el('p', { class: 'body' }, ...prose(schema.description))] : []),
    el('dl', { class: 'responses' }, ...rows),
  );
}

/** @param {Schema} schema */
function typeLink(schema) {
  const name = nameOf(schema);
  return name ? el('a', { class: 'path underline', href: `docs#schema-${name}` }, name) : el('code', {}, typeLine(schema));
}

/** Text with `code` in it. @param {string} text @returns {(Node | string)[]} */
function prose(text) {
  return text.split('`').map((part, index) => (index % 2 ? el('code', {}, part) : part));
}

/** @param {string} text */
function code(text) {
  return el('pre', { tabindex: 0 }, el('code', {}, text));
}

/**
 * @param {Schema} description
 * @param {string} verb
 * @param {string} path
 * @param {Schema | null} request
 */
function curl(description, verb, path, request) {
  const url = new URL(path.replace(/^\//, ''), base).href;
  if (!request) return verb === 'get' ? `curl -sS ${url}` : `curl -sS -X ${verb.toUpperCase()} ${url}`;
  const body = JSON.stringify(example(description, request)).replaceAll("'", `'\\''`);
  return `curl -sS ${url} \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

function applyLanguage() {
  setLanguage(preferences.language);
  document.title = t('docs.title');
  translate(document.body);
  const button = find('#language', HTMLButtonElement);
  button.textContent = preferences.language === 'zh' ? 'EN' : '中文';
  button.lang = preferences.language === 'zh' ? 'en' : 'zh-CN';
  button.title = t('language');
}

find('#language', HTMLButtonElement).addEventListener('click', () => {
  preferences.language = preferences.language === 'zh' ? 'en' : 'zh';
  savePreferences(preferences);
  applyLanguage();
});
applyTheme(preferences.theme);
document.documentElement.dataset.effects = preferences.effects ? 'on' : 'off';
try {
  const response = await fetch(new URL('docs.json', base));
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  draw(await response.json());
} catch (error) {
  main.replaceChildren(el('p', { class: 'empty', role: 'status' }, t('docs.failed', { message: String(error) })));
}
applyLanguage();
