/** Texts in the URL: opened with the page or when the fragment changes, removed from the URL at the first edit. */

import { fromFragment, toFragment } from '../../core/text/permalink.js';

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {(text: string) => void} load
 */
export function links(store, load) {
  /** The text in the URL. @type {string | null} */
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
    /** The page's URL with the text in it, or null when it would be too long. @param {string} text */
    async share(text) {
      const fragment = await toFragment(text);
      if (!fragment) return null;
      history.replaceState(null, '', fragment);
      linked = text;
      return location.href;
    },
  };
}
