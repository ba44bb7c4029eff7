/** Saves and copies the visible entities. For a text from a file, offsets are those of the file. */

import { toBrat, toConll, toCsv, toCurl, toHtml, toJson } from '../core/exporters.js';
import { t } from '../core/i18n.js';
import { SourceOffsets } from '../core/newlines.js';
import { isOn } from '../core/state.js';
import { el, find, icon } from './dom.js';
import { colorOf } from './palette.js';

/** @typedef {import('../core/state.js').State} State */
/** @typedef {import('../core/exporters.js').Labelled} Labelled */

/** @type {Record<string, { name: string, ending: string, mime: string, write: (labelled: Labelled, state: State) => string }>} */
const FORMATS = {
  json: { name: 'JSON', ending: 'json', mime: 'application/json', write: toJson },
  csv: { name: 'CSV', ending: 'csv', mime: 'text/csv', write: toCsv },
  brat: { name: 'BRAT .ann', ending: 'ann', mime: 'text/plain', write: toBrat },
  text: { name: '', ending: 'txt', mime: 'text/plain', write: ({ text }) => text },
  conll: { name: 'CoNLL BIOES', ending: 'conll', mime: 'text/plain', write: toConll },
  html: { name: 'HTML', ending: 'html', mime: 'text/html', write: (labelled, { model }) => toHtml(labelled, (type) => colorOf(type, model?.colors)) },
};

/**
 * @param {import('../core/state.js').PageStore} store
 * @param {import('../core/api.js').Api} api
 * @param {(text: string) => Promise<string | null>} share
 */
export function exports(store, api, share) {
  const root = find('#exports', HTMLElement);
  const hint = find('#export-hint', HTMLElement);

  /** @type {Record<string, () => Promise<string> | string>} */
  const actions = {
    curl: () => {
      const { text, model, extras } = store.state;
      const asked = model && extras.length ? model.types.filter((type) => isOn(store.state, type)) : undefined;
      return copy(toCurl(api.url('ner'), text, { types: asked?.length ? asked : undefined, withKey: Boolean(api.key) }));
    },
    link: async () => {
      const link = await share(store.state.text);
      return link ? copy(link) : t('export.long');
    },
    print: () => {
      print();
      return '';
    },
  };

  store.watch(['language', 'document', 'text'], ({ document, text }) => {
    if (!root.childElementCount || root.dataset.language !== store.state.language) {
      root.dataset.language = store.state.language;
      root.replaceChildren(
        ...Object.entries(FORMATS).map(([id, { name }]) => button('save', id, 'down', name || t('export.text'))),
        button('action', 'curl', 'copy', t('export.curl')),
        button('action', 'link', 'link', t('export.link')),
        button('action', 'print', 'print', t('export.print')),
      );
    }
    for (const chip of root.querySelectorAll('button')) {
      chip.disabled = chip.dataset.save || chip.dataset.action === 'print' ? !document : !text;
    }
    hint.textContent = document && inSource(document) ? t('export.crlf') : '';
  });

  root.addEventListener('click', async ({ target }) => {
    const chip = target instanceof Element ? target.closest('button') : null;
    if (!chip) return;
    const { save, action } = chip.dataset;
    hint.textContent = save ? saveAs(FORMATS[save], store.state) : await actions[action ?? '']();
  });
}

/** @param {string} kind @param {string} id @param {string} symbol @param {string} name */
function button(kind, id, symbol, name) {
  return el('button', { class: 'chip', type: 'button', [`data-${kind}`]: id }, icon(symbol), name);
}

/** Whether offsets in the document's file differ from those on the page. @param {NonNullable<State['document']>} document */
function inSource({ source }) {
  return source?.raw.includes('\r\n') ?? false;
}

/** @param {State} state @returns {Labelled} */
export function labelled({ document, visible }) {
  if (!document) return { text: '', entities: [] };
  if (!document.source || !inSource(document)) return { text: document.text, entities: visible };
  const { raw } = document.source;
  const offsets = new SourceOffsets(raw);
  const points = [...raw];
  const entities = visible.map((entity) => {
    const start = offsets.toSource(entity.start);
    const end = offsets.toSource(entity.end);
    return { ...entity, start, end, span: points.slice(start, end).join('') };
  });
  return { text: raw, entities };
}

/** @param {typeof FORMATS[string]} format @param {State} state */
function saveAs({ ending, mime, write }, state) {
  const stem = (state.document?.source?.name ?? 'raner').replace(/\.\w+$/, '').replace(/[\\/:*?"<>|\u0000-\u001f]/g, '_');
  const name = `${stem || 'raner'}.${ending}`;
  const url = URL.createObjectURL(new Blob([write(labelled(state), state)], { type: `${mime};charset=utf-8` }));
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return t('export.saved', { name });
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return t('export.copied');
  } catch {
    // The clipboard API needs HTTPS; `execCommand` works without it.
    return copyOld(text) ? t('export.copied') : t('export.copy.failed');
  }
}

/** @param {string} text */
function copyOld(text) {
  /** @param {ClipboardEvent} event */
  const onCopy = (event) => {
    event.preventDefault();
    event.clipboardData?.setData('text/plain', text);
  };
  document.addEventListener('copy', onCopy);
  const done = document.execCommand('copy');
  document.removeEventListener('copy', onCopy);
  return done;
}
