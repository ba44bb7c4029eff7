/** Starts, stops and resumes detections, and writes their results to the state. */

import { ApiError } from './api.js';
import { FIRST_PART_SIZE, PART_SIZE, requestParts } from './parts.js';
import { detect } from './detection.js';
import { flatten, place } from './entities.js';
import { countPoints, Offsets } from './offsets.js';
import { MAX_DOCUMENT, typesOf } from './state.js';

/** @typedef {import('./state.js').PageStore} PageStore */
/** @typedef {import('./state.js').Call} Call */
/** @typedef {import('./parts.js').Part} Part */

export class Session {
  /** @type {AbortController | null} */
  #running = null;
  /** Called when a detection is complete. */
  onDone = () => {};

  /**
   * @param {PageStore} store
   * @param {import('./api.js').Api} api
   */
  constructor(store, api) {
    this.store = store;
    this.api = api;
  }

  /** Detects the text in the input and aborts a running detection. */
  start() {
    const { text, source } = this.store.state;
    if (!text.trim()) {
      this.stop();
      this.store.set({ document: null, entities: [], pending: [], call: null, phase: 'idle', selected: null, notice: { kind: 'empty' } });
      return Promise.resolve();
    }
    if (text.length > MAX_DOCUMENT) {
      this.store.set({ notice: { kind: 'over', values: { n: countPoints(text), max: MAX_DOCUMENT } } });
      return Promise.resolve();
    }
    const document = { text, source, offsets: new Offsets(text) };
    const parts = this.plan(text);
    const call = { total: 0, queue: 0, inference: 0, trip: 0, points: 0, responses: 0, hits: 0 };
    const fresh = { document, entities: [], pending: [...parts], call, selected: null };
    // The result of a short text replaces the previous one when it arrives, so that live mode does not flicker.
    if (parts.length > 1) this.store.set(fresh);
    return this.#run(document, parts, fresh);
  }

  /** Sends the remaining parts and keeps the results so far. */
  resume() {
    const { document, pending, entities, call } = this.store.state;
    if (!document || !pending.length || !call || document.text !== this.store.state.text) return this.start();
    return this.#run(document, [...pending], { document, entities, pending: [...pending], call });
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
    const { phase, pending, document } = this.store.state;
    if (phase === 'running' || phase === 'waiting') {
      this.store.set({ phase: !document ? 'idle' : pending.length ? 'stopped' : 'done', notice: null });
    }
  }

  /** @param {string} text */
  plan(text) {
    const size = Math.min(PART_SIZE, this.store.state.model?.limits.max_chars ?? PART_SIZE);
    return requestParts(text, { first: FIRST_PART_SIZE, size });
  }

  /**
   * @param {import('./state.js').Document} document
   * @param {Part[]} parts
   * @param {{ document: import('./state.js').Document, entities: import('./entities.js').Entity[], pending: readonly Part[], call: Call }} first the initial result
   */
  async #run(document, parts, first) {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    const { store } = this;
    let result = first;
    const begun = performance.now() - first.call.trip;
    store.set({ phase: 'running', notice: null });
    try {
      await detect({
        text: document.text,
        parts,
        signal: running.signal,
        send: (text, signal) => this.api.ner(text, { types: this.#types(), signal }),
        onResponse: (part, { data, meta }) => {
          const entities = place(document.text, document.offsets, part.start, data);
          result = {
            document,
            entities: flatten([...result.entities, ...entities]),
            pending: [...parts],
            call: addCall(result.call, part, document, meta, performance.now() - begun),
          };
          store.set({ ...result, phase: 'running', service: 'online', notice: null });
        },
        onWait: (seconds, error) => {
          if (!seconds) store.set({ phase: 'running', notice: null });
          else store.set({ phase: 'waiting', notice: { kind: error.status === 429 ? 'limited' : 'unready', seconds } });
        },
      });
      store.set({ phase: 'done' });
      this.onDone();
    } catch (error) {
      if (running.signal.aborted) return;
      this.#running = null;
      store.set({ ...result, pending: [...parts], phase: 'stopped', ...explain(error) });
    }
  }

  /** All types of the model, since the page itself hides types. Omitted when they are the service's default. */
  #types() {
    const { model } = this.store.state;
    if (!model || model.types.length <= model.default_types.length) return undefined;
    return typesOf({ model, entities: [] });
  }
}

/**
 * @param {Call} call
 * @param {Part} part
 * @param {import('./state.js').Document} document
 * @param {import('./api.js').Meta} meta
 * @param {number} trip
 * @returns {Call}
 */
function addCall(call, part, { offsets }, { timings_ms = {}, cached = false }, trip) {
  return {
    total: call.total + (timings_ms.total ?? 0),
    queue: call.queue + (timings_ms.queue ?? 0),
    inference: call.inference + (timings_ms.inference ?? 0),
    trip,
    points: call.points + offsets.toPoint(part.end) - offsets.toPoint(part.start),
    responses: call.responses + 1,
    hits: call.hits + Number(cached),
  };
}

/** @type {Record<number, { kind: string, service?: 'offline' | 'locked' | 'unready' }>} */
const FAILURES = {
  0: { kind: 'offline', service: 'offline' },
  401: { kind: 'auth', service: 'locked' },
  413: { kind: 'large' },
  429: { kind: 'busy' },
  503: { kind: 'busy', service: 'unready' },
  504: { kind: 'timeout' },
};

/**
 * The changes of the state after a failure.
 *
 * @param {unknown} error
 * @returns {Partial<import('./state.js').State>}
 */
export function explain(error) {
  if (!(error instanceof ApiError)) throw error;
  const { kind, service } = FAILURES[error.status] ?? { kind: 'failed' };
  return {
    notice: { kind, values: { status: error.status, message: error.message } },
    ...(service && { service }),
  };
}
