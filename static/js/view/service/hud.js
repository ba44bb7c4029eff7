/** The status line of the service and its model, the figures of the call, and the progress of a detection. */

import { milliseconds, number, t } from '../../core/language/i18n.js';
import { foundIn, isStale } from '../../core/state/state.js';
import { find } from '../page/dom.js';

/** @typedef {import('../../core/state/state.js').State} State */
/** @typedef {import('../../core/language/strings.js').Key} Key */

/** @param {import('../../core/state/state.js').PageStore} store */
export function hud(store) {
  const status = find('#hud-status', HTMLElement);
  const run = find('#status', HTMLElement);
  const progress = find('#progress', HTMLElement);
  const fill = find('i', HTMLElement, progress);
  const mean = find('#call-mean', HTMLElement);
  const panel = find('#output-panel', HTMLElement);

  store.watch(['model', 'service', 'language'], ({ model, service }) => {
    for (const cell of document.querySelectorAll('[data-model]')) {
      if (!(cell instanceof HTMLElement)) continue;
      const value = model?.[/** @type {'name'} */ (cell.dataset.model)];
      cell.textContent = value ? String(value) : '—';
      cell.title = value ? String(value) : '';
    }
    status.textContent = service ? t(`hud.${service}`) : '—';
    status.dataset.service = service;
  });

  store.watch(['call', 'language'], ({ call }) => {
    const n = call?.responses ?? 0;
    // Requests run in parallel: the sum of their times would exceed the round trip.
    mean.textContent = n > 1 ? t('call.mean', { n: number(n) }) : '';
    const cells = call && n
      ? {
          trip: milliseconds(call.trip),
          total: milliseconds(call.total / n),
          queue: milliseconds(call.queue / n),
          inference: milliseconds(call.inference / n),
          speed: number(Math.round((call.points / Math.max(call.trip, 1)) * 1000)),
          cached: cacheWord(call),
        }
      : {};
    for (const cell of document.querySelectorAll('[data-call]')) {
      if (cell instanceof HTMLElement) cell.textContent = cells[/** @type {keyof typeof cells} */ (cell.dataset.call)] ?? '—';
    }
  });

  store.watch(['phase', 'pending', 'document', 'entities', 'extras', 'model', 'text', 'language', 'models', 'served', 'lexicon', 'lexiconOn'], (state) => {
    const done = finished(state);
    const busy = state.phase === 'running' || state.phase === 'waiting';
    run.textContent = statusText(state, done);
    panel.classList.toggle('is-stale', !busy && isStale(state));
    progress.hidden = !busy && state.phase !== 'stopped';
    progress.setAttribute('aria-valuenow', String(Math.round(done * 100)));
    fill.style.setProperty('inline-size', `${done * 100}%`);
    progress.classList.toggle('is-unknown', busy && done === 0);
  });
}

/** @param {NonNullable<State['call']>} call */
function cacheWord({ hits, responses }) {
  if (hits === 0) return t('cached.no');
  return hits === responses ? t('cached.yes') : t('cached.some', { hits, all: responses });
}

/** @param {State} state */
function finished({ phase, document, pending }) {
  if (!document || phase === 'idle') return 0;
  if (phase === 'done') return 1;
  const left = pending.reduce((sum, { start, end }) => sum + end - start, 0);
  // A short text keeps the previous document, with nothing pending, until its response arrives.
  return left ? 1 - left / document.text.length : 0;
}

/** @param {State} state @param {number} done */
function statusText(state, done) {
  const { phase, document } = state;
  if (phase === 'running') return t('status.running', { percent: number(Math.floor(done * 100)) });
  if (phase === 'waiting') return t('status.waiting');
  if (!document) return '';
  if (isStale(state)) return t(document.text === state.text ? 'status.options' : 'status.stale');
  if (phase === 'stopped') return t('status.stopped');
  const found = foundIn(state).length;
  if (found === 1) return t('status.one');
  return found ? t('status.done', { n: number(found) }) : t('output.none');
}
