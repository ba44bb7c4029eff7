/** The state of the page and its initial values. */

import { createStore } from './store.js';

/** @typedef {import('./entities.js').Entity} Entity */
/** @typedef {import('./parts.js').Part} Part */
/** @typedef {import('./offsets.js').Offsets} Offsets */
/** @typedef {import('./api.js').Model} Model */
/** @typedef {import('./strings.js').Language} Language */
/** @typedef {{ name: string, encoding: string, bytes: Uint8Array | null, raw: string }} Source a file as it was read */
/** @typedef {{ text: string, offsets: Offsets, source: Source | null }} Document a text as it was detected */
/** @typedef {{ total: number, queue: number, inference: number, trip: number, points: number, responses: number, hits: number }} Call sums over the parts */
/** @typedef {{ kind: string, seconds?: number, values?: Record<string, string | number>, previous?: string }} Notice */

/**
 * @typedef {object} State
 * @property {Language} language
 * @property {boolean} effects
 * @property {boolean} live
 * @property {boolean} keep whether history is recorded
 * @property {boolean} singleKeys
 * @property {readonly string[]} extras types beyond the model's default ones that are switched on
 * @property {Model | null} model
 * @property {'' | 'online' | 'offline' | 'locked' | 'unready'} service
 * @property {string} text in the textarea
 * @property {Source | null} source where that text came from, while it is unchanged
 * @property {Document | null} document
 * @property {Entity[]} entities of the document, in order, none inside another
 * @property {Entity[]} visible those that pass the threshold and whose type is shown
 * @property {readonly Part[]} pending parts of the document without a response
 * @property {'idle' | 'running' | 'waiting' | 'done' | 'stopped'} phase
 * @property {Call | null} call
 * @property {Notice | null} notice
 * @property {ReadonlySet<string>} hidden default types that are switched off
 * @property {number} threshold 0 to 1
 * @property {string | null} selected key of the entity whose occurrences are highlighted
 */

/** @typedef {import('./store.js').Store<State>} PageStore */

/** Longer documents make the browser's textarea slow. */
export const MAX_DOCUMENT = 2_000_000;

/** @param {import('./preferences.js').Preferences} preferences @returns {PageStore} */
export function createState(preferences) {
  /** @type {State} */
  const initial = {
    ...preferences,
    model: null,
    service: '',
    text: '',
    source: null,
    document: null,
    entities: [],
    visible: [],
    pending: [],
    phase: 'idle',
    call: null,
    notice: null,
    hidden: new Set(),
    threshold: 0,
    selected: null,
  };
  return createStore(initial);
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
