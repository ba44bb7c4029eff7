/** The access key dialog. The key is kept in the API client's memory only. */

import { t } from '../core/i18n.js';
import { find } from './dom.js';

/**
 * @param {import('../core/api.js').Api} api
 * @param {() => void} onKey called when the user has entered a key
 */
export function access(api, onKey) {
  const dialog = find('#key', HTMLDialogElement);
  const form = find('#key-form', HTMLFormElement);
  const value = find('#key-value', HTMLInputElement);
  const hint = find('#key-hint', HTMLElement);

  function ask() {
    hint.textContent = api.key ? t('key.wrong') : t('key.hint');
    if (!dialog.open) dialog.showModal();
    value.focus();
  }

  find('#key-open', HTMLButtonElement).addEventListener('click', () => {
    hint.textContent = t('key.hint');
    dialog.showModal();
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
