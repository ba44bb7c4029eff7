/** The access key dialog. The key is kept in the API client's memory only. */

import { t } from '../../core/language/i18n.js';
import { find } from '../page/dom.js';

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {import('../../core/service/api.js').Api} api
 * @param {() => void} onKey called when the user has entered a key
 */
export function access(store, api, onKey) {
  const dialog = find('#key', HTMLDialogElement);
  const form = find('#key-form', HTMLFormElement);
  const value = find('#key-value', HTMLInputElement);
  const hint = find('#key-hint', HTMLElement);

  /** Asks for the key that a request lacked. */
  function ask() {
    open(api.key ? 'key.wrong' : 'key.hint');
  }

  /** @param {import('../../core/language/strings.js').Key} word */
  function open(word) {
    hint.textContent = t(word);
    if (!dialog.open) dialog.showModal();
    value.focus();
  }

  find('#key-open', HTMLButtonElement).addEventListener('click', () => {
    const { service } = store.state;
    open(api.key ? 'key.set' : service === 'online' ? 'key.unneeded' : 'key.hint');
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    api.key = value.value.trim();
    value.value = '';
    dialog.close();
    onKey();
  });
  return { ask };
}
