import assert from 'node:assert/strict';
import { test } from 'node:test';

import { preferredLanguage } from '../../../static/js/core/state/preferences.js';

test('the language of the first visit', () => {
  assert.deepEqual([['zh-CN', 'en'], ['zh'], ['en-US', 'zh'], ['fr'], []].map(preferredLanguage), ['zh', 'zh', 'en', 'en', 'zh']);
});
