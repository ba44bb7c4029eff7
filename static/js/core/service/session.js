/** Starts, stops and resumes detections, and writes their results to the state. */

import { ApiError } from './api.js';
import { detect } from './detection.js';
import { flatten, place } from '../results/entities.js';
import { countPoints, Offsets } from '../text/offsets.js';
import { FIRST_PART_SIZE, PART_SIZE, requestParts } from '../text/parts.js';
import { documentState, MAX_DOCUMENT, NO_DOCUMENT, requestOptions, typesOf } from '../state/state.js';

/** @typedef {import('../state/state.js').PageStore} PageStore */
/** @typedef {import('../state/state.js').State} State */
/** @typedef {import('../state/state.js').DocumentState} DocumentState */
/** @typedef {import('../state/state.js').Document} Document */
/** @typedef {import('../state/state.js').Call} Call */
/** @typedef {import('../text/parts.js').Part} Part */
/** @typedef {{ document: Document, entities: readonly import('../results/entities.js').Entity[], pending: readonly Part[], call: Call }} Result */
/**
 * @typedef {object} Run one detection
 * @property {Result} result so far
 * @property {boolean} shown whether the state holds its document
 * @property {Partial<DocumentState>} reset the fields to reset when its document replaces the previous one
 * @property {DocumentState} previous what to show again when it ends without a response
 * @property {AbortController} control
 */

/** @type {Call} */
const NO_CALL = { model: null, total: 0, queue: 0, inference: 0, trip: 0, points: 0, responses: 0, hits: 0 };

export class Session {
  /** @type {Run | null} */
  #running = null;
  /** The run that ended with an error, to be continued. @type {Run | null} */
  #failed = null;
  /** Called when a detection ends with results, complete or not. */
  onEnd = () => {};

  /**
   * @param {PageStore} store
   * @param {import('./api.js').Api} api
   */
  constructor(store, api) {
    this.store = store;
    this.api = api;
  }

  /**
   * Detects the text in the input and aborts a running detection.
   *
   * @param {{ live?: boolean }} [options] `live`: the text is an edit of the document, whose filters stay
   */
  start({ live = false } = {}) {
    const { text, source } = this.store.state;
    if (!text.trim()) {
      this.stop();
      this.store.set(live ? NO_DOCUMENT : { notice: { kind: 'empty' } });
      return Promise.resolve();
    }
    if (text.length > MAX_DOCUMENT) {
      this.store.set({ notice: { kind: 'over', values: { n: countPoints(text), max: MAX_DOCUMENT } } });
      return Promise.resolve();
    }
    this.stop();
    const previous = documentState(this.store.state);
    const parts = this.plan(text);
    const result = { document: { text, source, offsets: new Offsets(text), request: requestOptions(this.store.state) }, entities: [], pending: parts, call: NO_CALL };
    const reset = text === previous.document?.text ? {} : live ? { selected: null } : { ...NO_DOCUMENT };
    const run = { result, shown: false, reset, previous, control: new AbortController() };
    // The result of a short text replaces the previous one when it arrives, so that live mode does not flicker.
    if (parts.length > 1) this.#show(run);
    return this.#run(run);
  }

  /** Sends the remaining parts and keeps the results so far. */
  resume() {
    const { text, document, pending, entities, call } = this.store.state;
    const failed = this.#failed;
    if (failed?.result.document.text === text) return this.#run({ ...failed, control: new AbortController() });
    if (!document || document.text !== text || !pending.length || !call) return this.start();
    const previous = documentState(this.store.state);
    return this.#run({ result: { document, entities, pending, call }, shown: true, reset: {}, previous, control: new AbortController() });
  }

  /** Continues after an interruption. An edited text is not sent without the user's command. */
  resumeAutomatically() {
    if (this.#failed?.result.document.text === this.store.state.text) void this.resume();
    else this.store.set({ notice: null });
  }

  stop() {
    const run = this.#running;
    run?.control.abort();
    this.#running = null;
    const { phase } = this.store.state;
    if (!run || (phase !== 'running' && phase !== 'waiting')) return;
    this.store.set({ ...this.#ended(run), notice: null });
    if (run.result.call.responses) this.onEnd();
  }

  /** @param {string} text */
  plan(text) {
    const size = Math.min(PART_SIZE, this.store.state.model?.limits.max_chars ?? PART_SIZE);
    return requestParts(text, { first: FIRST_PART_SIZE, size });
  }

  /** @param {Run} run */
  async #run(run) {
    this.#running?.control.abort();
    this.#running = run;
    this.#failed = null;
    const { store } = this;
    const { document, pending, call } = run.result;
    const remaining = [...pending];
    const request = document.request ?? requestOptions(store.state);
    const begun = performance.now() - call.trip;
    store.set({ phase: 'running', notice: null });
    try {
      await detect({
        text: document.text,
        parts: remaining,
        signal: run.control.signal,
        send: (text, signal) => this.api.ner(text, { types: this.#types(request), model: request.model, lexicon: request.lexicon, signal }),
        onResponse: (part, response) => {
          run.result = addResponse(run.result, part, [...remaining], response, performance.now() - begun);
          this.#show(run);
          store.set({ service: 'online', notice: null });
        },
        onWait: (seconds, error) => {
          if (!seconds) store.set({ phase: 'running', notice: null });
          else store.set({ phase: 'waiting', notice: { kind: error.status === 429 ? 'limited' : 'unready', seconds } });
        },
      });
      this.#running = null;
      store.set({ phase: 'done' });
      this.onEnd();
    } catch (error) {
      if (run.control.signal.aborted) return;
      this.#running = null;
      this.#failed = run;
      store.set({ ...this.#ended(run), ...explain(error) });
      if (run.result.call.responses) this.onEnd();
    }
  }

  /** @param {Run} run */
  #show(run) {
    this.store.set({ ...(run.shown ? {} : run.reset), ...run.result, phase: 'running' });
    run.shown = true;
  }

  /** The document after a run that was stopped or failed. @param {Run} run @returns {Partial<State>} */
  #ended(run) {
    const { result, previous } = run;
    if (result.call.responses) return { ...result, phase: result.pending.length ? 'stopped' : 'done' };
    run.shown = false;
    return previous;
  }

  /**
   * All types of the model and the lexicon, since the page itself hides types. Omitted when the service's default has them all.
   *
   * @param {import('../state/state.js').RequestOptions} request
   */
  #types({ types }) {
    const { model } = this.store.state;
    if (!model || model.types.length <= model.default_types.length) return undefined;
    return [...new Set([...typesOf({ model, entities: [] }), ...types])];
  }
}

/**
 * @param {Result} result
 * @param {Part} part
 * @param {Part[]} pending
 * @param {import('./api.js').ApiResponse} response
 * @param {number} trip
 * @returns {Result}
 */
function addResponse({ document, entities, call }, part, pending, { data, meta }, trip) {
  const { offsets } = document;
  const { timings_ms = {}, cached = false, model: name, version } = meta;
  return {
    document,
    entities: flatten([...entities, ...place(document.text, offsets, part.start, data)]),
    pending,
    call: {
      model: name ? { name, version: version ?? '' } : call.model,
      total: call.total + (timings_ms.total ?? 0),
      queue: call.queue + (timings_ms.queue ?? 0),
      inference: call.inference + (timings_ms.inference ?? 0),
      trip,
      points: call.points + offsets.toPoint(part.end) - offsets.toPoint(part.start),
      responses: call.responses + 1,
      hits: call.hits + Number(cached),
    },
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
 * @returns {Partial<State>}
 */
export function explain(error) {
  if (!(error instanceof ApiError)) throw error;
  const { kind, service } = FAILURES[error.status] ?? { kind: 'failed' };
  return {
    notice: { kind, values: { status: error.status, message: error.message } },
    ...(service && { service }),
  };
}
