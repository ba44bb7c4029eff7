/** Saves and copies the visible entities. For a text from a file, offsets are those of the file. */

import { toBrat, toConll, toCsv, toCurl, toHtml, toJson } from '../../core/results/exporters.js';
import { percent, t, typeName } from '../../core/language/i18n.js';
import { SourceOffsets } from '../../core/text/newlines.js';
import { isComplete, isOn, isStale, requestOptions, typesOf } from '../../core/state/state.js';
import { el, find, icon, save } from '../page/dom.js';
import { colorOf } from './palette.js';

/** @typedef {import('../../core/state/state.js').State} State */
/** @typedef {import('../../core/results/exporters.js').Labelled} Labelled */
/** @typedef {import('../../core/results/exporters.js').Provenance} Provenance */

/** @type {Record<string, { name: string, ending: string, mime: string, write: (labelled: Labelled, state: State) => string }>} */
const FORMATS = {
  json: { name: 'JSON', ending: 'json', mime: 'application/json', write: (document, state) => toJson(document, provenance(state)) },
  csv: { name: 'CSV', ending: 'csv', mime: 'text/csv', write: toCsv },
  brat: { name: 'BRAT .ann', ending: 'ann', mime: 'text/plain', write: toBrat },
  text: { name: '', ending: 'txt', mime: 'text/plain', write: ({ text }) => text },
  conll: { name: 'CoNLL BIOES', ending: 'conll', mime: 'text/plain', write: toConll },
  html: {
    name: 'HTML',
    ending: 'html',
    mime: 'text/html',
    write: (document, state) => toHtml(document, { color: (type) => colorOf(type, state.model?.colors, 'dark'), note: isComplete(state) ? '' : t('export.partial') }),
  },
};

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {import('../../core/service/api.js').Api} api
 * @param {(text: string) => Promise<string | null>} share
 */
export function exports(store, api, share) {
  const root = find('#exports', HTMLElement);
  const hint = find('#export-hint', HTMLElement);
  const note = find('#export-note', HTMLElement);

  /** @type {Record<string, () => Promise<string> | string>} */
  const actions = {
    curl: () => {
      const { text, model, extras } = store.state;
      const request = requestOptions(store.state);
      const types = model && extras.length ? [...new Set([...model.types, ...request.types])].filter((type) => isOn(store.state, type)) : undefined;
      return copy(toCurl(api.url('ner'), text, { ...request, types: types?.length ? types : undefined, withKey: Boolean(api.key) }));
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
    hint.textContent = '';
  });
  store.watch(['language', 'document', 'text', 'phase', 'pending', 'hidden', 'extras', 'threshold', 'model', 'entities', 'models', 'served', 'lexicon', 'lexiconOn'], (state) => {
    note.replaceChildren(...remarks(state).map((remark) => el('li', {}, remark)));
    note.hidden = !note.childElementCount;
  });

  root.addEventListener('click', async ({ target }) => {
    const chip = target instanceof Element ? target.closest('button') : null;
    if (!chip) return;
    const { save: format, action } = chip.dataset;
    hint.textContent = format ? saveAs(FORMATS[format], store.state) : await actions[action ?? '']();
  });
}

/** What a reader of the exported file must know. @param {State} state */
function remarks(state) {
  const { document, phase, threshold } = state;
  if (!document) return [];
  const excluded = excludedTypes(state);
  const busy = phase === 'running' || phase === 'waiting';
  return [
    ...(isStale(state) ? [t(document.text === state.text ? 'export.options' : 'export.stale')] : []),
    ...(busy || isComplete(state) ? [] : [t('export.partial')]),
    ...(excluded.length ? [t('export.excluded', { types: excluded.map(typeName).join(t('list.comma')) })] : []),
    ...(threshold ? [t('export.threshold', { score: percent(threshold) })] : []),
    ...(inSource(document) ? [t('export.crlf')] : []),
  ];
}

/** @param {string} kind @param {string} id @param {string} symbol @param {string} name */
function button(kind, id, symbol, name) {
  return el('button', { class: 'chip', type: 'button', [`data-${kind}`]: id }, icon(symbol), name);
}

/** Whether offsets in the document's file differ from those on the page. @param {NonNullable<State['document']>} document */
function inSource({ source }) {
  return source?.raw.includes('\r\n') ?? false;
}

/** Types that are off and have entities. @param {State} state */
function excludedTypes(state) {
  const found = new Set(state.entities.map(({ type }) => type));
  return typesOf(state).filter((type) => found.has(type) && !isOn(state, type));
}

/** @param {State} state @returns {Provenance} */
export function provenance(state) {
  const { document, pending, call, model, threshold } = state;
  const file = document?.source && inSource(document) ? new SourceOffsets(document.source.raw) : null;
  const offset = (/** @type {number} */ unit) => {
    const point = document?.offsets.toPoint(unit) ?? 0;
    return file ? file.toSource(point) : point;
  };
  return {
    complete: isComplete(state),
    missing: pending.map(({ start, end }) => [offset(start), offset(end)]),
    model: call?.model?.name ?? model?.name ?? null,
    version: call?.model?.version ?? model?.version ?? null,
    types: typesOf(state).filter((type) => isOn(state, type)),
    excluded: excludedTypes(state),
    threshold,
  };
}

/** @param {State} state @returns {Labelled} */
export function labelled({ document, visible }) {
  if (!document) return { text: '', entities: [] };
  if (!document.source || !inSource(document)) return { text: document.text, entities: [...visible] };
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
  const partial = ending === 'txt' || isComplete(state) ? '' : '.partial';
  const name = `${stem || 'raner'}${partial}.${ending}`;
  save(name, mime, write(labelled(state), state));
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
