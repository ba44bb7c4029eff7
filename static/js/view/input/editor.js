/** The input panel: the textarea, its size and limits, examples, the draft, live mode, and input methods (IME). */

import { loadDraft, saveDraft } from '../../core/state/draft.js';
import { EXAMPLES } from '../../core/text/examples.js';
import { number, t } from '../../core/language/i18n.js';
import { normalizeNewlines } from '../../core/text/newlines.js';
import { countPoints } from '../../core/text/offsets.js';
import { documentState, MAX_DOCUMENT, NO_DOCUMENT } from '../../core/state/state.js';
import { eachFrame, el, find } from '../page/dom.js';

/** @typedef {import('../../core/state/state.js').PageStore} PageStore */
/** @typedef {import('../../core/state/state.js').Source} Source */
/** @typedef {import('../../core/state/state.js').DocumentState} DocumentState */
/** @typedef {(text: string, source?: Source | null, document?: Partial<DocumentState>) => void} Load */

const LIVE_DELAY_MS = 400;
const DRAFT_DELAY_MS = 500;
/** Longer texts would send several requests at every pause in typing. */
const LIVE_MAX = 6000;
const DEFAULT_LIMIT = 100_000;
/** The same breakpoint as in ../../../web/styles/layout.css. */
const NARROW = matchMedia('(width < 64rem)');

/**
 * @param {PageStore} store
 * @param {import('../../core/service/session.js').Session} session
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
    if (!live || composing || text.length > LIVE_MAX) return;
    if (text.trim()) timer = setTimeout(() => session.start({ live: true }), LIVE_DELAY_MS);
    else void session.start({ live: true });
  }

  /**
   * Replaces the text and, where given, the document.
   *
   * @param {string} text
   * @param {Source | null} source
   * @param {Partial<DocumentState>} [document]
   */
  function replace(text, source, document = {}) {
    clearTimeout(timer);
    session.stop();
    area.value = normalizeNewlines(text);
    area.scrollTop = 0;
    store.set({ text: area.value, source, notice: null, ...document });
  }

  /** @param {'replaced' | 'cleared'} kind */
  function offerUndo(kind) {
    const { text, source } = store.state;
    const document = documentState(store.state);
    const isExample = !document.document && EXAMPLES.some((example) => example.text() === text);
    if (!text.trim() || isExample) return;
    store.set({ undo: { kind, restore: () => replace(source?.raw ?? text, source, document) } });
  }

  /**
   * Loads another text; the user can restore the previous one.
   *
   * @param {string} text
   * @param {Source | null} [source]
   * @param {Partial<DocumentState>} [document] its results, if they are known
   */
  function load(text, source = null, document) {
    session.stop();
    if (normalizeNewlines(text) !== store.state.text) offerUndo('replaced');
    replace(text, source, document);
    if (!document) scheduleLive();
  }

  function clear() {
    session.stop();
    offerUndo('cleared');
    replace('', null, NO_DOCUMENT);
    area.focus();
  }

  area.addEventListener('input', () => {
    const { undo } = store.state;
    // Restoring a text would discard what is typed now.
    const outdated = undo?.kind === 'replaced' || undo?.kind === 'cleared';
    store.set({ text: area.value, source: null, ...(outdated && { undo: null }) });
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
  cancel.addEventListener('click', () => session.stop());
  find('#clear', HTMLButtonElement).addEventListener('click', clear);
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
        el('button', { class: 'chip', type: 'button', 'data-example': id }, t(/** @type {import('../../core/language/strings.js').Key} */ (`example.${id}`))),
      ),
    );
  });
  store.watch(['phase'], ({ phase }) => {
    const busy = phase === 'running' || phase === 'waiting';
    const hadFocus = document.activeElement === cancel;
    cancel.hidden = !busy;
    button.classList.toggle('is-busy', busy);
    // A hidden button loses the focus to the body.
    if (!busy && hadFocus) area.focus();
  });
  draft(store, area);
  sizes(store, session);
  return { load, focus: () => area.focus(), isComposing: () => composing, refresh: scheduleLive };
}

/**
 * @param {PageStore} store
 * @param {HTMLTextAreaElement} area
 */
function draft(store, area) {
  const text = loadDraft();
  if (text) {
    area.value = text;
    store.set({ text: area.value });
  }
  let timer = 0;
  store.watch(['text'], () => {
    clearTimeout(timer);
    timer = setTimeout(() => saveDraft(store.state.text), DRAFT_DELAY_MS);
  });
  addEventListener('pagehide', () => saveDraft(store.state.text));
}

/**
 * @param {PageStore} store
 * @param {import('../../core/service/session.js').Session} session
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
