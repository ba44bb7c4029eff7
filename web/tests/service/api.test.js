import assert from 'node:assert/strict';
import { test } from 'node:test';

import { retryAfter } from '../../../static/js/core/service/api.js';

test('Retry-After is seconds or a date', () => {
  assert.deepEqual(['3', ' 0 ', 'Thu, 01 Jan 1970 00:00:05 GMT', 'soon', null].map((header) => retryAfter(header, 1000)), [3, 0, 4, null, null]);
});
