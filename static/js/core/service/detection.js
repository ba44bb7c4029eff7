/**
 * One detection: sends the parts of a document in order, two at a time, and waits when the service asks for it.
 *
 * Finished parts stay finished: after a failure, only the remaining ones are sent again.
 */

import { ApiError } from './api.js';

/** @typedef {import('../text/parts.js').Part} Part */
/** @typedef {import('./api.js').ApiResponse} ApiResponse */

const IN_FLIGHT = 2;
const ATTEMPTS = 8;
/** Statuses to retry, and the seconds to wait when the response has no Retry-After. @type {Record<number, number>} */
const RETRY_SECONDS = { 429: 2, 503: 3 };

/**
 * @typedef {object} Detection
 * @property {string} text
 * @property {Part[]} parts the remaining parts; finished ones are removed
 * @property {(text: string, signal: AbortSignal) => Promise<ApiResponse>} send
 * @property {(part: Part, response: ApiResponse) => void} onResponse
 * @property {(seconds: number, error: ApiError) => void} onWait called every second during a wait, with 0 at its end
 * @property {AbortSignal} signal
 */

/** @param {Detection} detection */
export async function detect({ text, parts, send, onResponse, onWait, signal }) {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const queue = [...parts];
  /** Shared by both workers: while one waits, the other sends nothing. @type {Promise<void> | null} */
  let waiting = null;

  async function worker() {
    for (let part = queue.shift(); part; part = queue.shift()) {
      const response = await sendWithRetries(part);
      either.throwIfAborted();
      parts.splice(parts.indexOf(part), 1);
      onResponse(part, response);
    }
  }

  /** @param {Part} part */
  async function sendWithRetries({ start, end }) {
    for (let attempt = 1; ; attempt++) {
      while (waiting) await waiting;
      either.throwIfAborted();
      try {
        return await send(text.slice(start, end), either);
      } catch (error) {
        if (!(error instanceof ApiError) || !(error.status in RETRY_SECONDS) || attempt === ATTEMPTS) throw error;
        waiting ??= countDown(error).finally(() => (waiting = null));
      }
    }
  }

  /** @param {ApiError} error */
  async function countDown(error) {
    for (let seconds = Math.max(1, error.retryAfter ?? RETRY_SECONDS[error.status]); seconds > 0; seconds--) {
      onWait(seconds, error);
      await sleep(1000, either);
    }
    onWait(0, error);
  }

  try {
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, queue.length) }, worker));
  } catch (error) {
    stop.abort();
    throw error;
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', stopped);
    function done() {
      signal.removeEventListener('abort', stopped);
      resolve();
    }
    function stopped() {
      clearTimeout(timer);
      reject(signal.reason);
    }
    if (signal.aborted) stopped();
  });
}
