/** Keyboard shortcuts, and the dialog that lists them. */

import { t } from '../../core/language/i18n.js';
import { typesOf } from '../../core/state/state.js';
import { el, find } from './dom.js';
import { toggleType } from '../results/legend.js';

/** @typedef {import('../../core/language/strings.js').Key} Key */

/** @type {[string[], Key][]} */
const SHEET = [
  [['Ctrl', 'Enter'], 'shortcut.detect'],
  [['Esc'], 'shortcut.escape'],
  [['/'], 'shortcut.focus'],
  [['?'], 'shortcut.help'],
  [['1', '…', '9'], 'shortcut.types'],
  [['←', '→'], 'shortcut.walk'],
  [['Enter'], 'shortcut.mark'],
];
const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {import('../../core/service/session.js').Session} session
 * @param {{ focus: () => void, isComposing: () => boolean }} editor
 */
export function shortcuts(store, session, editor) {
  const sheet = find('#shortcuts', HTMLDialogElement);
  const single = find('#single-keys', HTMLInputElement);

  store.watch(['language'], () => {
    const keys = SHEET.flatMap(([names, word]) => [
      el('dt', {}, ...names.map((name) => el('kbd', {}, MAC && name === 'Ctrl' ? '⌘' : name))),
      el('dd', {}, t(word)),
    ]);
    find('#keys', HTMLElement).replaceChildren(...keys);
  });
  store.watch(['singleKeys'], ({ singleKeys }) => (single.checked = singleKeys));
  single.addEventListener('change', () => store.set({ singleKeys: single.checked }));
  find('#shortcuts-open', HTMLButtonElement).addEventListener('click', () => sheet.showModal());

  addEventListener('keydown', (event) => {
    // During composition, Enter and Escape belong to the input method. Older ones report key code 229.
    if (event.isComposing || event.keyCode === 229 || editor.isComposing()) return;
    if (document.querySelector('dialog[open]')) return;
    const { key } = event;
    if (key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void session.start();
    } else if (key === 'Escape') {
      session.stop();
      store.set({ selected: null });
    } else if (store.state.singleKeys && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) {
      singleKey(event);
    }
  });

  /** @param {KeyboardEvent} event */
  function singleKey(event) {
    const type = /^[1-9]$/.test(event.key) ? typesOf(store.state)[Number(event.key) - 1] : undefined;
    if (type) toggleType(store, type);
    else if (event.key === '/') editor.focus();
    else if (event.key === '?') sheet.showModal();
    else return;
    event.preventDefault();
  }
}

/** @param {EventTarget | null} target */
function typing(target) {
  return target instanceof HTMLElement && target.matches('textarea, select, input:not([type=checkbox], [type=range], [type=file])');
}
