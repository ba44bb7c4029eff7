/** Shows one message at a time: what happened and what the user can do. */

import { number, t } from '../core/i18n.js';
import { el, find } from './dom.js';

/** @typedef {import('../core/strings.js').Key} Key */
/** @typedef {'resume' | 'key' | 'restore' | 'dismiss'} Action */

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
  replaced: { word: 'notice.replaced', tone: 'info', actions: ['restore', 'dismiss'] },
  unreadable: { word: 'notice.unreadable', tone: 'bad', actions: ['dismiss'] },
  huge: { word: 'notice.huge', tone: 'bad', actions: ['dismiss'] },
  link: { word: 'notice.link', tone: 'info', actions: ['dismiss'] },
  brokenLink: { word: 'notice.link.broken', tone: 'bad', actions: ['dismiss'] },
  empty: { word: 'notice.empty', tone: 'info', actions: ['dismiss'] },
  over: { word: 'notice.over', tone: 'bad', actions: ['dismiss'] },
};

/**
 * @param {import('../core/state.js').PageStore} store
 * @param {Record<Exclude<Action, 'dismiss'>, (notice: import('../core/state.js').Notice) => void>} actions
 */
export function notices(store, actions) {
  const slot = find('#notice', HTMLElement);
  let drawn = '';

  store.watch(['notice', 'language'], ({ notice, language }) => {
    const now = notice ? `${language} ${notice.kind} ${JSON.stringify(notice.values ?? {})}` : '';
    // A countdown must not make a screen reader repeat the message every second.
    if (now !== drawn) slot.replaceChildren(...(notice ? [message(notice)] : []));
    drawn = now;
    const clock = slot.querySelector('.notice-clock');
    if (clock) clock.textContent = notice?.seconds ? t('notice.seconds', { n: notice.seconds }) : '';
  });

  slot.addEventListener('click', ({ target }) => {
    const action = target instanceof Element ? target.closest('button')?.dataset.action : undefined;
    const { notice } = store.state;
    if (!action || !notice) return;
    store.set({ notice: null });
    if (action !== 'dismiss') actions[/** @type {Exclude<Action, 'dismiss'>} */ (action)](notice);
  });
}

/** @param {import('../core/state.js').Notice} notice */
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
    ...actions.map((action) => el('button', { class: 'chip', type: 'button', 'data-action': action }, t(`notice.${action}`))),
  );
}
