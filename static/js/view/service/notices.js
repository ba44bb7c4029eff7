/** Messages at the bottom of the page: what happened, what the user can do, and what can be undone. */

import { number, t } from '../../core/language/i18n.js';
import { el, find } from '../page/dom.js';

/** @typedef {import('../../core/language/strings.js').Key} Key */
/** @typedef {'resume' | 'key' | 'dismiss'} Action */

/** @type {Record<string, { word: Key, tone: 'bad' | 'wait' | 'info', actions: Action[] }>} */
const KINDS = {
  offline: { word: 'notice.offline', tone: 'bad', actions: ['resume'] },
  auth: { word: 'notice.auth', tone: 'bad', actions: ['key'] },
  large: { word: 'notice.large', tone: 'bad', actions: ['dismiss'] },
  limited: { word: 'notice.limited', tone: 'wait', actions: [] },
  unready: { word: 'notice.unready', tone: 'wait', actions: [] },
  busy: { word: 'notice.busy', tone: 'bad', actions: ['resume'] },
  timeout: { word: 'notice.timeout', tone: 'bad', actions: ['resume'] },
  failed: { word: 'notice.failed', tone: 'bad', actions: ['resume', 'dismiss'] },
  unreadable: { word: 'notice.unreadable', tone: 'bad', actions: ['dismiss'] },
  huge: { word: 'notice.huge', tone: 'bad', actions: ['dismiss'] },
  several: { word: 'notice.several', tone: 'info', actions: ['dismiss'] },
  link: { word: 'notice.link', tone: 'info', actions: ['dismiss'] },
  brokenLink: { word: 'notice.link.broken', tone: 'bad', actions: ['dismiss'] },
  empty: { word: 'notice.empty', tone: 'info', actions: ['dismiss'] },
  over: { word: 'notice.over', tone: 'bad', actions: ['dismiss'] },
};
/** @type {Record<import('../../core/state/state.js').Undo['kind'], { word: Key, action: Key }>} */
const UNDO = {
  replaced: { word: 'notice.replaced', action: 'notice.restore' },
  cleared: { word: 'notice.cleared', action: 'notice.undo' },
  historyCleared: { word: 'notice.history.cleared', action: 'notice.undo' },
  historyOff: { word: 'notice.history.off', action: 'notice.undo' },
};

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {Record<Exclude<Action, 'dismiss'>, () => void>} actions
 */
export function notices(store, actions) {
  const slot = find('#notice', HTMLElement);
  const undoSlot = find('#undo', HTMLElement);
  let drawn = '';

  store.watch(['notice', 'language'], ({ notice, language }) => {
    const now = notice ? `${language} ${notice.kind} ${JSON.stringify(notice.values ?? {})}` : '';
    // A countdown must not make a screen reader repeat the message every second.
    if (now !== drawn) slot.replaceChildren(...(notice ? [message(notice)] : []));
    drawn = now;
    const clock = slot.querySelector('.notice-clock');
    if (clock) clock.textContent = notice?.seconds ? t('notice.seconds', { n: notice.seconds }) : '';
  });
  store.watch(['undo', 'language'], ({ undo }) => undoSlot.replaceChildren(...(undo ? [undoMessage(undo.kind)] : [])));

  slot.addEventListener('click', ({ target }) => {
    const action = actionOf(target);
    if (!action) return;
    store.set({ notice: null });
    if (action !== 'dismiss') actions[/** @type {Exclude<Action, 'dismiss'>} */ (action)]();
  });
  undoSlot.addEventListener('click', ({ target }) => {
    const action = actionOf(target);
    const { undo } = store.state;
    if (!action || !undo) return;
    store.set({ undo: null });
    if (action === 'undo') undo.restore();
  });
}

/** @param {EventTarget | null} target */
function actionOf(target) {
  return target instanceof Element ? target.closest('button')?.dataset.action : undefined;
}

/** @param {import('../../core/state/state.js').Notice} notice */
function message({ kind, values = {} }) {
  const { word, tone, actions } = KINDS[kind];
  const shown = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'number' && name !== 'status' ? number(value) : value]),
  );
  return el(
    'div',
    { class: 'notice', 'data-tone': tone, 'data-kind': kind },
    el('p', {}, t(word, shown)),
    el('span', { class: 'notice-clock', 'aria-hidden': 'true' }),
    ...actions.map((action) => button(action, `notice.${action}`)),
  );
}

/** @param {import('../../core/state/state.js').Undo['kind']} kind */
function undoMessage(kind) {
  const { word, action } = UNDO[kind];
  return el('div', { class: 'notice', 'data-tone': 'info', 'data-kind': kind }, el('p', {}, t(word)), button('undo', action), button('dismiss', 'notice.dismiss'));
}

/** @param {string} action @param {Key} word */
function button(action, word) {
  return el('button', { class: 'chip', type: 'button', 'data-action': action }, t(word));
}
