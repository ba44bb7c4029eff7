import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode } from '../../../static/js/core/text/encodings.js';

test('encodings are recognised', () => {
  assert.equal(decode(new TextEncoder().encode('马云'))?.encoding, 'utf-8');
  assert.equal(decode(Uint8Array.of(0xff, 0xfe, 0x6c, 0x9a))?.text, '马');
  // GB18030 for 马云在杭州工作，他说的是。
  const gb = Uint8Array.from('c2ede1c6d4dababcd6ddb9a4d7f7a3accbfbcbb5b5c4cac7a1a3'.match(/../g) ?? [], (byte) => parseInt(byte, 16));
  assert.equal(decode(gb)?.encoding, 'gb18030');
  assert.equal(decode(new Uint8Array(500)), null);
});
