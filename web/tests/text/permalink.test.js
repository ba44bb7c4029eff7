import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fromFragment, MAX_LINK, toFragment } from '../../../static/js/core/text/permalink.js';

test('a link round-trips its text, and a broken or endless one is refused', async () => {
  const text = '马云👩‍💻在杭州。'.repeat(100);
  const fragment = await toFragment(text);
  assert.ok(fragment && fragment.length < 200);
  assert.equal(await fromFragment(fragment), text);
  assert.equal(await fromFragment('#t=%%%'), null);
  assert.equal(await fromFragment('#other'), null);
  assert.equal(await toFragment(Array.from({ length: MAX_LINK }, (_, index) => String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000))).join('')), null);
});
