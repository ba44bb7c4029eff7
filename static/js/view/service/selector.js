/** The selector of the model, shown when the service has several. */

import { el, find } from '../page/dom.js';

/** @param {import('../../core/state/state.js').PageStore} store */
export function selector(store) {
  const field = find('#served-field', HTMLElement);
  const select = find('#served', HTMLSelectElement);

  store.watch(['models', 'served'], ({ models, served }) => {
    field.hidden = models.length < 2;
    select.replaceChildren(...models.map(({ id }) => el('option', { value: id }, id)));
    select.value = (models.find(({ id }) => id === served) ?? models[0])?.id ?? '';
  });
  select.addEventListener('change', () => {
    const model = store.state.models.find(({ id }) => id === select.value);
    if (model) store.set({ served: model.id, model });
  });
}
