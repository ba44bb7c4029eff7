import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newlineStyle, normalizeNewlines, SourceOffsets } from '../../../static/js/core/text/newlines.js';
import { countPoints, lowerBound, Offsets } from '../../../static/js/core/text/offsets.js';

test('code points and code units convert in both directions', () => {
  const text = 'a𠮷👩‍💻马\u{10ffff}。';
  const offsets = new Offsets(text);
  const points = [...text];
  assert.equal(offsets.points, points.length);
  assert.equal(countPoints(text), points.length);
  points.forEach((point, index) => {
    const unit = offsets.toUnit(index);
    assert.equal(text.slice(unit, unit + point.length), point);
    assert.equal(offsets.toPoint(unit), index);
  });
  assert.equal(offsets.toUnit(points.length), text.length);
});

test('lone surrogates count as one code point', () => {
  assert.equal(countPoints('\ud800a\udc00'), 3);
  assert.equal(new Offsets('\ud800a\udc00').points, 3);
});

test('in a text without surrogates both counts are equal', () => {
  const offsets = new Offsets('马云在杭州');
  assert.deepEqual([offsets.points, offsets.toUnit(3), offsets.toPoint(3)], [5, 3, 3]);
});

test('lowerBound finds the first number that is not less', () => {
  assert.deepEqual([0, 1, 2, 5, 6].map((value) => lowerBound([1, 2, 2, 5], value)), [0, 0, 1, 3, 4]);
});

test('every CRLF before an offset adds one in the file', () => {
  const raw = '一\r\n二\n三\r\n四';
  const text = normalizeNewlines(raw);
  assert.equal(text, '一\n二\n三\n四');
  const offsets = new SourceOffsets(raw);
  for (const char of '二三四') assert.equal(raw[offsets.toSource(text.indexOf(char))], char);
});

test('the style of line breaks', () => {
  assert.deepEqual(['a\r\nb', 'a\rb', 'a\nb', 'a\r\nb\nc', 'a'].map(newlineStyle), ['CRLF', 'CR', 'LF', 'mixed', '']);
});
