import assert from 'node:assert/strict';
import { test } from 'node:test';

import { countByType, flatten, group, place, shown, statistics } from '../../../static/js/core/results/entities.js';
import { Offsets } from '../../../static/js/core/text/offsets.js';

/** @param {string} type @param {number} start_offset @param {number} end_offset @param {number} [score] */
function received(type, start_offset, end_offset, score = 0.9) {
  return { type, start_offset, end_offset, score, span: '', color: '' };
}

const TEXT = '𠮷：马云在杭州，马云。';
const ENTITIES = place(TEXT, new Offsets(TEXT), 0, [received('PER', 2, 4, 0.8), received('LOC', 5, 7, 0.5), received('PER', 8, 10)]);

test('entities of a part are placed in the whole text', () => {
  const text = '𠮷𠮷马云在杭州';
  const [entity] = place(text, new Offsets(text), 4, [received('LOC', 3, 5)]);
  assert.deepEqual([entity.span, entity.start, entity.end, entity.from, entity.to], ['杭州', 5, 7, 7, 9]);
});

test('an entity beyond the end is cut, and an empty one dropped', () => {
  const placed = place('马云', new Offsets('马云'), 0, [received('PER', 1, 99), received('PER', 2, 2)]);
  assert.deepEqual(placed.map(({ span }) => span), ['云']);
});

test('of overlapping entities the earlier and longer one remains', () => {
  const text = '北京大学的马云';
  const all = place(text, new Offsets(text), 0, [received('LOC', 0, 2), received('ORG', 0, 4), received('PER', 3, 5), received('PER', 5, 7)]);
  assert.deepEqual(flatten(all).map(({ span }) => span), ['北京大学', '马云']);
});

test('threshold and hidden types filter', () => {
  assert.deepEqual(shown(ENTITIES, 0.8).map(({ span }) => span), ['马云', '马云']);
  assert.deepEqual(shown(ENTITIES, 0, new Set(['PER'])).map(({ span }) => span), ['杭州']);
});

test('the threshold leaves out no entity of a lexicon', () => {
  const [entity] = place('蔚来', new Offsets('蔚来'), 0, [{ ...received('ORG', 0, 2, 0.1), source: 'lexicon' }]);
  assert.deepEqual(shown([entity], 0.8), [entity]);
  assert.deepEqual(shown([entity], 0, new Set(['ORG'])), []);
});

test('groups count occurrences and keep the highest score', () => {
  assert.deepEqual(group(ENTITIES).map(({ span, entities, score }) => [span, entities.length, score]), [['马云', 2, 0.9], ['杭州', 1, 0.5]]);
});

test('counts name every type, and statistics add up', () => {
  assert.deepEqual([...countByType(ENTITIES, ['ORG', 'PER'])], [['ORG', 0], ['PER', 2], ['LOC', 1]]);
  assert.deepEqual(statistics(ENTITIES, 12), { total: 3, unique: 2, share: 0.5, density: 250 });
  assert.deepEqual(statistics([], 0), { total: 0, unique: 0, share: 0, density: 0 });
});
