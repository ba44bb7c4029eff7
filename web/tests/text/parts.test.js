import assert from 'node:assert/strict';
import { test } from 'node:test';

import { drawingBlocks, requestParts } from '../../../static/js/core/text/parts.js';

/** @param {string} text @param {{ start: number, end: number }[]} parts */
function slices(text, parts) {
  return parts.map(({ start, end }) => text.slice(start, end));
}

test('a short text is one part, and an empty text has none', () => {
  assert.deepEqual(requestParts('马云在杭州。'), [{ start: 0, end: 6 }]);
  assert.deepEqual(requestParts(''), []);
});

test('the parts together are the whole text, and none exceeds its size', () => {
  const text = '马云在杭州，也在北京。\n第二段没有标点'.repeat(300);
  const parts = slices(text, requestParts(text, { first: 100, size: 400 }));
  assert.equal(parts.join(''), text);
  assert.ok(parts[0].length <= 100);
  assert.ok(parts.every((part) => part.length <= 400));
});

test('a part ends after a paragraph, else after a sentence, else after a clause', () => {
  const sizes = { first: 10, size: 10 };
  assert.equal(slices('第一段话\n第二段话。后面还有', requestParts('第一段话\n第二段话。后面还有', sizes))[0], '第一段话\n');
  assert.equal(slices('第一句话。”第二句话没完没了', requestParts('第一句话。”第二句话没完没了', sizes))[0], '第一句话。”');
  assert.equal(slices('一个分句，另一个分句没完没了', requestParts('一个分句，另一个分句没完没了', sizes))[0], '一个分句，');
});

test('a text without boundaries is cut between code points', () => {
  const text = '𠮷'.repeat(50);
  const parts = slices(text, requestParts(text, { first: 7, size: 7 }));
  assert.equal(parts.join(''), text);
  assert.ok(parts.every((part) => part.isWellFormed()));
});

test('blocks to draw are whole paragraphs where these are small', () => {
  const text = `${'字'.repeat(700)}\n`.repeat(6);
  const blocks = slices(text, drawingBlocks(text));
  assert.equal(blocks.join(''), text);
  assert.ok(blocks.every((block) => block.endsWith('\n')));
  const long = '字'.repeat(20_000);
  assert.ok(drawingBlocks(long).every(({ start, end }) => end - start <= 1200));
});
