import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createStore } from '../../../static/js/core/state/store.js';

test('a store calls the views whose fields changed', () => {
  const store = createStore({ a: 1, b: 2 });
  /** @type {number[]} */
  const seen = [];
  store.watch(['a'], ({ a }) => seen.push(a));
  store.set({ a: 1 });
  store.set({ b: 3 });
  store.set({ a: 4 });
  assert.deepEqual(seen, [1, 4]);
});
