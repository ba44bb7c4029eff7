/**
 * The state of the page.
 *
 * Every field belongs to one of three groups, which decides how long it lives:
 *
 * - **User**: preferences. They stay across reloads, in localStorage (`preferences.js`). The draft (`draft.js`) and the history
 *   (`database.js`) belong to the user as well and are stored elsewhere because of their size.
 * - **Document**: everything about the text that was detected: results, completeness, selection, filters. `NO_DOCUMENT` holds
 *   the initial values. These fields are reset together when another text is detected or the text is cleared. Views reset their own
 *   document state (scroll positions, pages of a list) when `document` changes. Live mode edits the same document: it resets results
 *   and selection, and keeps filters.
 * - **Page**: the input, the connection and messages. They last until the page closes.
 */

import { NO_LEXICON } from './lexicon.js';
import { createStore } from './store.js';

/** @typedef {import('../results/entities.js').Entity} Entity */
/** @typedef {import('../text/parts.js').Part} Part */
/** @typedef {import('../text/offsets.js').Offsets} Offsets */
/** @typedef {import('../service/api.js').Model} Model */
/** @typedef {import('../language/strings.js').Language} Language */
/** @typedef {'dark' | 'light' | 'system'} Theme */
/** @typedef {{ name: string, version: string }} ModelId */
/** @typedef {{ name: string, encoding: string, bytes: Uint8Array | null, raw: string }} Source a file as it was read */
/** @typedef {{ text: string, offsets: Offsets, source: Source | null, request?: RequestOptions }} Document a text as it was detected; `request` is unknown for one from the history */
/** @typedef {{ model?: string, lexicon?: import('./lexicon.js').InlineLexicon, types: string[] }} RequestOptions `model` is absent for the default one; `types` are those of the lexicon */
/** @typedef {import('./lexicon.js').Lexicon} Lexicon */
/** @typedef {{ model: ModelId | null, total: number, queue: number, inference: number, trip: number, points: number, responses: number, hits: number }} Call `trip` is the time from the first request to the last response; `total`, `queue` and `inference` are sums over the responses, in milliseconds */
/** @typedef {{ kind: string, seconds?: number, values?: Record<string, string | number> }} Notice */
/** @typedef {{ kind: 'replaced' | 'cleared' | 'historyCleared' | 'historyOff', restore: () => void }} Undo */

/**
 * @typedef {object} UserState
 * @property {Language} language
 * @property {Theme} theme
 * @property {boolean} effects
 * @property {boolean} quiet whether entities are underlined only
 * @property {boolean} live
 * @property {boolean} keep whether history is recorded
 * @property {boolean} singleKeys
 * @property {boolean} grouped whether the table groups occurrences
 * @property {readonly string[]} extras optional types that are switched on
 * @property {string} served id of the selected model; '' is the default one
 */
/**
 * @typedef {object} DocumentState
 * @property {Document | null} document
 * @property {readonly Entity[]} entities of the document, in order, without overlaps
 * @property {readonly Part[]} pending parts of the document without a response
 * @property {'idle' | 'running' | 'waiting' | 'done' | 'stopped'} phase
 * @property {Call | null} call
 * @property {ReadonlySet<string>} hidden default types that are switched off
 * @property {number} threshold 0 to 1
 * @property {string} filter of the table
 * @property {string | null} selected key of the entity whose occurrences are highlighted
 */
/**
 * @typedef {object} PageState
 * @property {Model | null} model the selected one
 * @property {readonly Model[]} models all of the service, the default one first
 * @property {Lexicon} lexicon as the user has written it
 * @property {boolean} lexiconOn
 * @property {'' | 'online' | 'offline' | 'locked' | 'unready'} service
 * @property {string} text in the textarea
 * @property {Source | null} source the file of that text, while the text is unchanged
 * @property {readonly Entity[]} visible entities that pass the threshold and whose type is on; derived
 * @property {Notice | null} notice
 * @property {Undo | null} undo
 */
/** @typedef {UserState & DocumentState & PageState} State */
/** @typedef {import('./store.js').Store<State>} PageStore */

/** Longer documents make the browser's textarea slow. */
export const MAX_DOCUMENT = 2_000_000;

/** @type {DocumentState} */
export const NO_DOCUMENT = {
  document: null,
  entities: [],
  pending: [],
  phase: 'idle',
  call: null,
  hidden: new Set(),
  threshold: 0,
  filter: '',
  selected: null,
};

/** @param {UserState} preferences @returns {PageStore} */
export function createState(preferences) {
  /** @type {State} */
  const initial = {
    ...preferences,
    ...NO_DOCUMENT,
    model: null,
    models: [],
    lexicon: NO_LEXICON,
    lexiconOn: true,
    service: '',
    text: '',
    source: null,
    visible: [],
    notice: null,
    undo: null,
  };
  return createStore(initial);
}

/** The document's fields, to be restored later with `store.set`. @param {State} state @returns {DocumentState} */
export function documentState(state) {
  return /** @type {DocumentState} */ (
    Object.fromEntries(Object.keys(NO_DOCUMENT).map((field) => [field, state[/** @type {keyof DocumentState} */ (field)]]))
  );
}

/** The types to show, in the model's order. @param {Pick<State, 'model' | 'entities'>} state */
export function typesOf({ model, entities }) {
  return [...new Set([...(model?.types.length ? model.types : ['PER', 'LOC', 'ORG']), ...entities.map(({ type }) => type)])];
}

/** Whether the service returns this type only on request. @param {State['model']} model @param {string} type */
export function isOptional(model, type) {
  return Boolean(model?.types.includes(type) && !model.default_types.includes(type));
}

/**
 * The entities that count as found. Every response includes optional types; they count when switched on.
 *
 * @param {Pick<State, 'model' | 'entities' | 'extras'>} state
 */
export function foundIn({ model, entities, extras }) {
  return entities.filter(({ type }) => extras.includes(type) || !isOptional(model, type));
}

/** @param {Pick<State, 'model' | 'hidden' | 'extras'>} state @param {string} type */
export function isOn({ model, hidden, extras }, type) {
  return isOptional(model, type) ? extras.includes(type) : !hidden.has(type);
}

/** Whether every part of the document has a response. @param {Pick<State, 'document' | 'pending' | 'phase'>} state */
export function isComplete({ document, pending, phase }) {
  return document !== null && pending.length === 0 && phase === 'done';
}

/**
 * What a request sends besides the text and its types.
 *
 * @param {Pick<State, 'models' | 'served' | 'lexicon' | 'lexiconOn'>} state
 * @returns {RequestOptions}
 */
export function requestOptions({ models, served, lexicon, lexiconOn }) {
  const isDefault = !models.slice(1).some(({ id }) => id === served);
  const isUsed = lexiconOn && lexicon.inline !== null;
  return {
    model: isDefault ? undefined : served,
    lexicon: isUsed ? (lexicon.inline ?? undefined) : undefined,
    types: isUsed ? lexicon.types : [],
  };
}

/**
 * Whether the results are those of an earlier text, of another model or of another lexicon.
 *
 * @param {Pick<State, 'document' | 'text' | 'models' | 'served' | 'lexicon' | 'lexiconOn'>} state
 */
export function isStale(state) {
  const { document, text } = state;
  if (document === null) return false;
  if (document.text !== text) return true;
  if (!document.request) return false;
  const now = requestOptions(state);
  return document.request.model !== now.model || document.request.lexicon !== now.lexicon;
}
