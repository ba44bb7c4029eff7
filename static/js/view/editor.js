/** The input panel: the textarea, its size and limits, examples, live mode, and input methods (IME). */

import { countPoints } from '../core/offsets.js';
import { EXAMPLES } from '../core/examples.js';
import { number, t } from '../core/i18n.js';
import { normalizeNewlines } from '../core/newlines.js';
import { MAX_DOCUMENT } from '../core/state.js';
import { eachFrame, el, find } from './dom.js';

/** @typedef {import('../core/state.js').PageStore} PageStore */
/** @typedef {import('../core/state.js').Source} Source */

const LIVE_DELAY_MS = 400;
/** Longer texts would send several requests at every pause in typing. */
const LIVE_MAX = 6000;
const DEFAULT_LIMIT = 100_000;
/** The same breakpoint as in ../../../web/styles/deck.css. */
const NARROW = matchMedia('(width < 64rem)');

/**
 * @param {PageStore} store
 * @param {import('../core/session.js').Session} session
 */
export function editor(store, session) {
  const area = find('#text', HTMLTextAreaElement);
  const examples = find('#examples', HTMLElement);
  const button = find('#detect', HTMLButtonElement);
  const cancel = find('#cancel', HTMLButtonElement);
  let composing = false;
  let timer = 0;

  function scheduleLive() {
    clearTimeout(timer);
    const { live, text } = store.state;
    if (!live || composing || text.length > LIVE_MAX || !text.trim()) return;
    timer = setTimeout(() => session.start(), LIVE_DELAY_MS);
  }

  /** Replaces the whole text; the user can restore the previous one. @param {string} text @param {Source | null} [source] */
  function load(text, source = null) {
    const previous = store.state.source ? '' : store.state.text;
    const precious = previous.trim() && !EXAMPLES.some((example) => example.text() === previous) && previous !== text;
    area.value = normalizeNewlines(text);
    area.scrollTop = 0;
    session.stop();
    store.set({ text: area.value, source, notice: precious ? { kind: 'replaced', previous } : null });
    scheduleLive();
  }

  area.addEventListener('input', () => {
    store.set({ text: area.value, source: null });
    scheduleLive();
  });
  area.addEventListener('compositionstart', () => {
    composing = true;
    clearTimeout(timer);
  });
  area.addEventListener('compositionend', () => {
    composing = false;
    store.set({ text: area.value });
    scheduleLive();
  });

  button.addEventListener('click', () => {
    clearTimeout(timer);
    void session.start();
    // On a small screen the result is below the input.
    if (store.state.phase === 'running' && NARROW.matches) find('#output-panel', HTMLElement).scrollIntoView();
  });
  cancel.addEventListener('click', () => {
    session.stop();
    area.focus();
  });
  find('#clear', HTMLButtonElement).addEventListener('click', () => {
    load('');
    store.set({ document: null, entities: [], pending: [], call: null, phase: 'idle', selected: null });
    area.focus();
  });
  examples.addEventListener('click', ({ target }) => {
    const id = target instanceof Element ? target.closest('button')?.dataset.example : undefined;
    const example = EXAMPLES.find((candidate) => candidate.id === id);
    if (example) load(example.text());
  });
  const live = find('#live', HTMLInputElement);
  live.addEventListener('change', () => {
    store.set({ live: live.checked });
    scheduleLive();
  });

  store.watch(['live'], (state) => (live.checked = state.live));
  store.watch(['language'], () => {
    examples.replaceChildren(
      ...EXAMPLES.map(({ id }) =>
        el('button', { class: 'chip', type: 'button', 'data-example': id }, t(/** @type {import('../core/strings.js').Key} */ (`example.${id}`))),
      ),
    );
  });
  store.watch(['phase'], ({ phase }) => {
    const busy = phase === 'running' || phase === 'waiting';
    cancel.hidden = !busy;
    button.classList.toggle('is-busy', busy);
  });
  sizes(store, session);
  return { load, focus: () => area.focus(), isComposing: () => composing };
}

/**
 * @param {PageStore} store
 * @param {import('../core/session.js').Session} session
 */
function sizes(store, session) {
  const chars = find('#chars', HTMLElement);
  const lines = find('#lines', HTMLElement);
  const limit = find('#limit', HTMLElement);
  const gauge = find('#gauge', HTMLElement);

  const draw = eachFrame(() => {
    const { text, live, model } = store.state;
    const points = countPoints(text);
    const max = model?.limits.max_chars ?? DEFAULT_LIMIT;
    chars.textContent = number(points);
    lines.textContent = number(text ? text.split('\n').length : 0);
    const parts = text.length > LIVE_MAX ? session.plan(text).length : 1;
    const over = text.length > MAX_DOCUMENT;
    limit.textContent = over
      ? t('limit.over', { max: number(MAX_DOCUMENT) })
      : live && text.length > LIVE_MAX
        ? t('live.paused')
        : parts > 1
          ? t('limit.parts', { n: number(parts) })
          : t('limit', { max: number(max) });
    limit.classList.toggle('is-over', over);
    gauge.style.setProperty('inline-size', `${Math.min(100, (points / max) * 100)}%`);
    gauge.classList.toggle('is-near', points > max * 0.9);
  });
  store.watch(['text', 'live', 'model', 'language'], draw);
}
