/** Texts that travel in the address: read when the page opens or the fragment changes, forgotten at the first edit. */

import { fromFragment, toFragment } from '../core/permalink.js';

/**
 * @param {import('../core/state.js').PageStore} store
 * @param {(text: string) => void} load
 */
export function links(store, load) {
  /** What the address holds. @type {string | null} */
  let linked = null;

  async function open() {
    const { hash } = location;
    const text = await fromFragment(hash);
    if (text !== null) {
      load(text);
      linked = store.state.text;
      store.set({ notice: { kind: 'link' } });
    } else if (hash.startsWith('#t=')) {
      store.set({ notice: { kind: 'brokenLink' } });
    }
  }

  addEventListener('hashchange', open);
  store.watch(['text'], ({ text }) => {
    if (linked === null || text === linked) return;
    linked = null;
    history.replaceState(null, '', location.pathname + location.search);
  });

  return {
    open,
    /** The page's address with the text in it, or null when that would be too long. @param {string} text */
    async share(text) {
      const fragment = await toFragment(text);
      if (!fragment) return null;
      history.replaceState(null, '', fragment);
      linked = text;
      return location.href;
    },
  };
}
