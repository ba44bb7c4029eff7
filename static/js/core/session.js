/** From the text in the input to entities in the state: starts, stops and resumes detections. */

import { ApiError } from './api.js';
import { FIRST, split, WHOLE } from './chunks.js';
import { detect } from './detection.js';
import { flatten, place } from './entities.js';
import { countPoints, Offsets } from './offsets.js';
import { MAX_DOCUMENT, typesOf } from './state.js';

/** @typedef {import('./state.js').PageStore} PageStore */
/** @typedef {import('./state.js').Call} Call */
/** @typedef {import('./chunks.js').Chunk} Chunk */

export class Session {
  /** @type {AbortController | null} */
  #running = null;
  /** Set when the run in force ends with nothing left to ask for. */
  onDone = () => {};

  /**
   * @param {PageStore} store
   * @param {import('./api.js').Api} api
   */
  constructor(store, api) {
    this.store = store;
    this.api = api;
  }

  /** Detects the text in the input; whatever still runs is overtaken. */
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
    const chunks = this.plan(text);
    const call = { total: 0, queue: 0, inference: 0, trip: 0, points: 0, answers: 0, hits: 0 };
    const fresh = { document, entities: [], pending: [...chunks], call, selected: null };
    // A short text keeps the previous result in view until its own is there: live mode must not flicker.
    if (chunks.length > 1) this.store.set(fresh);
    return this.#run(document, chunks, fresh);
  }

  /** Asks for what is still missing, with what arrived before kept. */
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
    const size = Math.min(WHOLE, this.store.state.model?.limits.max_chars ?? WHOLE);
    return split(text, { first: FIRST, size });
  }

  /**
   * @param {import('./state.js').Document} document
   * @param {Chunk[]} chunks
   * @param {{ document: import('./state.js').Document, entities: import('./entities.js').Entity[], pending: readonly Chunk[], call: Call }} first the state to begin with
   */
  async #run(document, chunks, first) {
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
        chunks,
        signal: running.signal,
        ask: (text, signal) => this.api.ner(text, { types: this.#types(), signal }),
        onAnswer: (chunk, { data, meta }) => {
          const found = place(document.text, document.offsets, chunk.start, data);
          result = {
            document,
            entities: flatten([...result.entities, ...found]),
            pending: [...chunks],
            call: addCall(result.call, chunk, document, meta, performance.now() - begun),
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
      store.set({ ...result, pending: [...chunks], phase: 'stopped', ...explain(error) });
    }
  }

  /** All the model knows: hiding a type is the page's business. Left out where the service would do so anyway. */
  #types() {
    const { model } = this.store.state;
    if (!model || model.types.length <= model.default_types.length) return undefined;
    return typesOf({ model, entities: [] });
  }
}

/**
 * @param {Call} call
 * @param {Chunk} chunk
 * @param {import('./state.js').Document} document
 * @param {import('./api.js').Meta} meta
 * @param {number} trip
 * @returns {Call}
 */
function addCall(call, chunk, { offsets }, { timings_ms = {}, cached = false }, trip) {
  return {
    total: call.total + (timings_ms.total ?? 0),
    queue: call.queue + (timings_ms.queue ?? 0),
    inference: call.inference + (timings_ms.inference ?? 0),
    trip,
    points: call.points + offsets.toPoint(chunk.end) - offsets.toPoint(chunk.start),
    answers: call.answers + 1,
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
 * What a failure means for the state.
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
