import assert from 'node:assert/strict';
import { test } from 'node:test';

import { escape, toBrat, toConll, toCsv, toCurl, toHtml, toJson } from '../../../static/js/core/results/exporters.js';

const LABELLED = { text: '马云到杭\n州', entities: [{ type: 'PER', span: '马云', start: 0, end: 2, score: 0.9 }, { type: 'LOC', span: '杭\n州', start: 3, end: 6, score: 0.5 }] };

test('BRAT splits an entity at a line break', () => {
  assert.equal(toBrat(LABELLED), 'T1\tPER 0 2\t马云\nT2\tLOC 3 4;5 6\t杭 州\n');
});

test('CSV quotes, and defuses cells that look like formulas', () => {
  const entities = [{ type: 'ORG', span: '=1+"1",', start: 0, end: 7, score: 1 }];
  assert.equal(toCsv({ text: '', entities }), '\ufefftype,span,start,end,score\r\nORG,"\'=1+""1"",",0,7,1\r\n');
});

test('JSON holds the text, its entities and their origin', () => {
  const provenance = { complete: false, missing: /** @type {[number, number][]} */ ([[6, 9]]), model: 'm', version: '1', types: ['PER', 'LOC'], excluded: ['TIME'], threshold: 0.5 };
  const { text, entities, ...rest } = JSON.parse(toJson(LABELLED, provenance));
  assert.deepEqual({ text, entities }, LABELLED);
  assert.deepEqual(rest, { complete: false, missing: [[6, 9]], model: 'm', version: '1', types: ['PER', 'LOC'], excluded_types: ['TIME'], threshold: 0.5 });
});

test('CoNLL has no break inside an entity', () => {
  assert.equal(toConll(LABELLED), '马 B-PER\n云 E-PER\n到 O\n杭 B-LOC\n州 E-LOC\n');
});

test('HTML shows a note above the text', () => {
  const html = toHtml(LABELLED, { color: () => 'red', note: '不完整 <b>' });
  assert.match(html, /<p class="note">不完整 &#60;b&#62;<\/p>\n<main>/);
  assert.doesNotMatch(toHtml(LABELLED, { color: () => 'red' }), /class="note"/);
});

test('curl quotes a short text and reads a long one from a here-document', () => {
  assert.match(toCurl('http://x/ner', "it's"), /--data-binary '\{"text":"it'\\''s"\}'$/);
  const long = toCurl('http://x/ner', '马\n'.repeat(50_000), { withKey: true });
  assert.match(long, /Bearer \$RANER_API_KEY" \\\n {2}--data-binary @- <<'RANER_JSON'\n\{.*\}\nRANER_JSON\n$/);
});

test('HTML is escaped', () => {
  assert.equal(escape(`<a href="x">'&`), '&#60;a href=&#34;x&#34;&#62;&#39;&#38;');
});
