/** Checks every two seconds whether the service is reachable, and reports when it is back. */

import { ApiError } from './api.js';

/** @typedef {import('../state/state.js').PageStore} PageStore */

export const INTERVAL_MS = 2000;
const TIMEOUT_MS = 2000;
/** A busy service may miss one check; a refused connection counts at once. */
const MAX_TIMEOUTS = 2;
const MAX_DELAY_MS = 30_000;

export class Heartbeat {
  #timeouts = 0;
  #checking = false;
  /** Before the next automatic continuation; doubles while continuing fails although the service is reachable. */
  #delay = INTERVAL_MS;
  #resumeAt = 0;

  /**
   * @param {PageStore} store
   * @param {import('./api.js').Api} api
   * @param {{ connect: () => Promise<void>, resume: () => void, isVisible?: () => boolean, now?: () => number }} page
   *   `connect` loads the model and sets the service's state; `resume` continues the failed detection
   */
  constructor(store, api, { connect, resume, isVisible = () => true, now = () => performance.now() }) {
    this.store = store;
    this.api = api;
    this.connect = connect;
    this.resume = resume;
    this.isVisible = isVisible;
    this.now = now;
    store.watch(['phase'], ({ phase }) => {
      if (phase === 'done') this.#delay = INTERVAL_MS;
    });
  }

  start() {
    setInterval(() => {
      if (this.isVisible()) void this.check();
    }, INTERVAL_MS);
  }

  /** Checks now, and continues without a delay if the service is back: the user or the browser has news. */
  checkNow() {
    this.#resumeAt = 0;
    return this.check();
  }

  async check() {
    if (this.#checking) return;
    this.#checking = true;
    try {
      await this.#update(await this.#ask());
    } finally {
      this.#checking = false;
    }
  }

  /** @returns {Promise<'online' | 'offline' | 'unready' | 'timeout'>} */
  async #ask() {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      await this.api.ready(signal);
      return 'online';
    } catch (error) {
      if (signal.aborted) return 'timeout';
      if (error instanceof ApiError && error.status === 503) return 'unready';
      // Any other status is a response, for example of a proxy that hides the probe.
      return error instanceof ApiError && error.status ? 'online' : 'offline';
    }
  }

  /** @param {'online' | 'offline' | 'unready' | 'timeout'} result */
  async #update(result) {
    this.#timeouts = result === 'timeout' ? this.#timeouts + 1 : 0;
    if (result === 'timeout') {
      if (this.#timeouts >= MAX_TIMEOUTS) this.store.set({ service: 'offline' });
    } else if (result !== 'online') {
      this.store.set({ service: result });
    } else {
      const { service } = this.store.state;
      if (service !== 'online' && service !== 'locked') await this.connect();
      this.#continue();
    }
  }

  #continue() {
    const { service, notice } = this.store.state;
    if (service !== 'online' || notice?.kind !== 'offline' || this.now() < this.#resumeAt) return;
    this.#resumeAt = this.now() + this.#delay;
    this.#delay = Math.min(2 * this.#delay, MAX_DELAY_MS);
    this.resume();
  }
}
