import assert from 'node:assert/strict';
import { test } from 'node:test';

import { add, documentOf, entryOf } from '../../../static/js/core/results/history.js';
import { Offsets } from '../../../static/js/core/text/offsets.js';
import { NO_DOCUMENT } from '../../../static/js/core/state/state.js';

const TEXT = '𠮷：马云在杭州。';
const ENTITIES = [
  { type: 'PER', span: '马云', start: 2, end: 4, from: 3, to: 5, score: 0.9, source: 'model' },
  { type: 'LOC', span: '杭州', start: 5, end: 7, from: 6, to: 8, score: 0.8, source: 'lexicon' },
];
const CALL = { model: { name: 'm', version: '1' }, total: 1, queue: 0, inference: 1, trip: 2, points: 8, responses: 1, hits: 0 };
const STATE = /** @type {any} */ ({
  ...NO_DOCUMENT,
  document: { text: TEXT, offsets: new Offsets(TEXT), source: null },
  entities: ENTITIES,
  call: CALL,
  phase: 'done',
  model: null,
  extras: [],
});

/** @param {string} text @param {number} at @param {number} [bytes] */
const entry = (text, at, bytes = 100) => ({ text, at, counts: {}, bytes });

test('an entry restores the document as it was', () => {
  const stored = structuredClone(entryOf(STATE));
  assert.ok(stored);
  assert.deepEqual(stored.counts, { PER: 1, LOC: 1 });
  const restored = documentOf(stored);
  assert.deepEqual(restored.entities, ENTITIES);
  assert.deepEqual([restored.document?.text, restored.call, restored.phase], [TEXT, CALL, 'done']);
});

test('an incomplete document stays incomplete, and filters are not stored', () => {
  const stored = entryOf({ ...STATE, pending: [{ start: 8, end: 10 }], phase: 'stopped', threshold: 0.5, selected: 'x' });
  assert.ok(stored);
  const restored = documentOf(stored);
  assert.deepEqual([restored.phase, restored.pending, restored.threshold, restored.selected], ['stopped', [{ start: 8, end: 10 }], 0, null]);
});

test('an entry of an earlier version has a text only', () => {
  assert.deepEqual(documentOf({ at: 1, text: TEXT, counts: {}, entities: null }), NO_DOCUMENT);
  assert.equal(entryOf({ ...STATE, document: null }), null);
});

test('a text has one entry, the newest first, with unique times', () => {
  const entries = add([entry('b', 5), entry('a', 4)], entry('a', 5), false);
  assert.deepEqual(entries.map(({ text, at }) => [text, at]), [['a', 6], ['b', 5]]);
});

test('live mode records a growing text once', () => {
  const grown = add([entry('马云', 1), entry('x', 0)], entry('马云在', 2), true);
  assert.deepEqual(grown.map(({ text }) => text), ['马云在', 'x']);
  const shrunk = add(grown, entry('马', 3), true);
  assert.deepEqual(shrunk.map(({ text }) => text), ['马云在', 'x']);
});

test('the oldest entries go when there are too many or they are too large', () => {
  const many = Array.from({ length: 60 }, (_, index) => entry(`text ${index}`, 100 - index));
  assert.equal(add(many, entry('new', 200), false).length, 50);
  const large = [entry('a', 2, 10e6), entry('b', 1, 10e6)];
  assert.deepEqual(add(large, entry('new', 3), false).map(({ text }) => text), ['new', 'a']);
});
