import assert from 'node:assert/strict';
import { test } from 'node:test';

import { STRINGS } from '../../../static/js/core/language/strings.js';

test('both languages have the same strings and placeholders', () => {
  /** @param {string} text */
  const placeholders = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  assert.deepEqual(Object.keys(STRINGS.zh).sort(), Object.keys(STRINGS.en).sort());
  for (const [key, text] of Object.entries(STRINGS.zh)) {
    assert.deepEqual(placeholders(text), placeholders(STRINGS.en[/** @type {keyof typeof STRINGS.en} */ (key)]), key);
  }
});
