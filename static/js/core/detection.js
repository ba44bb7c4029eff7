/**
 * One detection: the pieces of a document asked for in order, two at a time, waiting where the service says so.
 *
 * Pieces that were answered stay answered: after a failure only the rest is asked for again.
 */

import { ApiError } from './api.js';

/** @typedef {import('./chunks.js').Chunk} Chunk */
/** @typedef {import('./api.js').Answer} Answer */

const IN_FLIGHT = 2;
const ATTEMPTS = 8;
/** Statuses that ask for patience, and the seconds to wait when the answer names none. @type {Record<number, number>} */
const PATIENCE = { 429: 2, 503: 3 };

/**
 * @typedef {object} Detection
 * @property {string} text
 * @property {Chunk[]} chunks those still to be asked for; answered ones are removed
 * @property {(text: string, signal: AbortSignal) => Promise<Answer>} ask
 * @property {(chunk: Chunk, answer: Answer) => void} onAnswer
 * @property {(seconds: number, error: ApiError) => void} onWait called every second, with 0 when the wait is over
 * @property {AbortSignal} signal
 */

/** @param {Detection} detection */
export async function detect({ text, chunks, ask, onAnswer, onWait, signal }) {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const queue = [...chunks];
  /** One wait for all: the second piece must not knock while the first one waits. @type {Promise<void> | null} */
  let waiting = null;

  async function worker() {
    for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
      const answer = await persist(chunk);
      either.throwIfAborted();
      chunks.splice(chunks.indexOf(chunk), 1);
      onAnswer(chunk, answer);
    }
  }

  /** @param {Chunk} chunk */
  async function persist({ start, end }) {
    for (let attempt = 1; ; attempt++) {
      while (waiting) await waiting;
      either.throwIfAborted();
      try {
        return await ask(text.slice(start, end), either);
      } catch (error) {
        if (!(error instanceof ApiError) || !(error.status in PATIENCE) || attempt === ATTEMPTS) throw error;
        waiting ??= countDown(error).finally(() => (waiting = null));
      }
    }
  }

  /** @param {ApiError} error */
  async function countDown(error) {
    for (let seconds = Math.max(1, error.retryAfter ?? PATIENCE[error.status]); seconds > 0; seconds--) {
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
