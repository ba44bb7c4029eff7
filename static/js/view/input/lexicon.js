/** The lexicon: its button with the number of entries, and the dialog in which the user edits it. */

import { number, t } from '../../core/language/i18n.js';
import { loadLexicon, maxEntries, parseLexicon, saveLexicon } from '../../core/state/lexicon.js';
import { eachFrame, el, find } from '../page/dom.js';

/** @typedef {import('../../core/language/strings.js').Key} Key */

/** More problems than this are only counted. */
const SHOWN_PROBLEMS = 5;

/** @param {import('../../core/state/state.js').PageStore} store */
export function lexicon(store) {
  const dialog = find('#lexicon', HTMLDialogElement);
  const open = find('#lexicon-open', HTMLButtonElement);
  const count = find('#lexicon-count', HTMLElement);
  const slot = find('#lexicon-field', HTMLElement);
  const size = find('#lexicon-size', HTMLElement);
  const problems = find('#lexicon-problems', HTMLElement);
  const use = find('#lexicon-use', HTMLInputElement);
  const clear = find('#lexicon-clear', HTMLButtonElement);
  let { source, on } = loadLexicon();
  let isStored = true;
  let drawn = '';

  function apply() {
    isStored = saveLexicon(source, on);
    const parsed = parseLexicon(source);
    store.set({ lexicon: parsed, lexiconOn: on });
  }
  const applySoon = eachFrame(apply);

  // Created when the dialog opens: programs that read the page rely on its only textarea.
  function field() {
    const area = el('textarea', {
      id: 'lexicon-text',
      'data-t-placeholder': 'lexicon.placeholder',
      placeholder: t('lexicon.placeholder'),
      spellcheck: 'false',
      autocomplete: 'off',
      lang: 'zh-CN',
      'aria-describedby': 'lexicon-hint lexicon-size',
    });
    area.value = source;
    area.addEventListener('input', () => {
      source = area.value;
      applySoon();
    });
    return area;
  }

  open.addEventListener('click', () => {
    const area = field();
    slot.replaceChildren(area);
    dialog.showModal();
    area.focus();
  });
  dialog.addEventListener('close', () => {
    slot.replaceChildren();
    apply();
  });
  use.addEventListener('change', () => {
    on = use.checked;
    apply();
  });
  clear.addEventListener('click', () => {
    source = '';
    apply();
    const area = slot.querySelector('textarea');
    if (area) {
      area.value = '';
      area.focus();
    }
  });

  store.watch(['lexicon', 'lexiconOn', 'model', 'language'], ({ lexicon: parsed, lexiconOn, model }) => {
    const n = parsed.count;
    const max = maxEntries(model);
    count.textContent = lexiconOn ? number(n) : t('lexicon.off');
    use.checked = lexiconOn;
    const left = parsed.problems.length - SHOWN_PROBLEMS;
    const lines = parsed.problems
      .slice(0, SHOWN_PROBLEMS)
      .map(({ line, kind }) => t('lexicon.line', { line: number(line), problem: t(/** @type {Key} */ (`lexicon.${kind}`)) }));
    if (left > 0) lines.push(t('lexicon.more', { n: number(left) }));
    if (n > max) lines.unshift(t('lexicon.over', { max: number(max) }));
    if (!isStored) lines.unshift(t('lexicon.unstored'));
    size.textContent = t('lexicon.size', { n: number(n) });
    const now = lines.join('\n');
    // A screen reader repeats what is replaced.
    if (now !== drawn) problems.replaceChildren(...lines.map((line) => el('li', {}, line)));
    drawn = now;
  });
  apply();
}
