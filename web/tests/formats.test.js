import assert from 'node:assert/strict';
import { test } from 'node:test';

import { retryAfter } from '../../static/js/core/service/api.js';
import { decode } from '../../static/js/core/text/encodings.js';
import { escape, toBrat, toConll, toCsv, toCurl, toHtml, toJson } from '../../static/js/core/results/exporters.js';
import { example, operations, typeLine } from '../../static/js/core/service/openapi.js';
import { fromFragment, MAX_LINK, toFragment } from '../../static/js/core/text/permalink.js';
import { preferredLanguage } from '../../static/js/core/state/preferences.js';
import { createStore } from '../../static/js/core/state/store.js';
import { STRINGS } from '../../static/js/core/language/strings.js';

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

test('the language of the first visit', () => {
  assert.deepEqual([['zh-CN', 'en'], ['zh'], ['en-US', 'zh'], ['fr'], []].map(preferredLanguage), ['zh', 'zh', 'en', 'en', 'zh']);
});

test('HTML is escaped', () => {
  assert.equal(escape(`<a href="x">'&`), '&#60;a href=&#34;x&#34;&#62;&#39;&#38;');
});

test('a link round-trips its text, and a broken or endless one is refused', async () => {
  const text = '马云👩‍💻在杭州。'.repeat(100);
  const fragment = await toFragment(text);
  assert.ok(fragment && fragment.length < 200);
  assert.equal(await fromFragment(fragment), text);
  assert.equal(await fromFragment('#t=%%%'), null);
  assert.equal(await fromFragment('#other'), null);
  assert.equal(await toFragment(Array.from({ length: MAX_LINK }, (_, index) => String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000))).join('')), null);
});

test('encodings are recognised', () => {
  assert.equal(decode(new TextEncoder().encode('马云'))?.encoding, 'utf-8');
  assert.equal(decode(Uint8Array.of(0xff, 0xfe, 0x6c, 0x9a))?.text, '马');
  // GB18030 for 马云在杭州工作，他说的是。
  const gb = Uint8Array.from('c2ede1c6d4dababcd6ddb9a4d7f7a3accbfbcbb5b5c4cac7a1a3'.match(/../g) ?? [], (byte) => parseInt(byte, 16));
  assert.equal(decode(gb)?.encoding, 'gb18030');
  assert.equal(decode(new Uint8Array(500)), null);
});

test('Retry-After is seconds or a date', () => {
  assert.deepEqual(['3', ' 0 ', 'Thu, 01 Jan 1970 00:00:05 GMT', 'soon', null].map((header) => retryAfter(header, 1000)), [3, 0, 4, null, null]);
});

test('an OpenAPI document gives operations, types and examples', () => {
  const document = {
    paths: { '/ner': { post: { summary: 'Recognise', requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Request' } } } }, responses: { 200: { description: 'ok' } } } } },
    components: { schemas: { Request: { type: 'object', required: ['text'], properties: { text: { type: 'string', examples: ['马云'] }, other: { type: 'integer' } } } } },
  };
  const [operation] = operations(document);
  assert.deepEqual([operation.verb, operation.path, operation.responses[0].status], ['post', '/ner', '200']);
  assert.deepEqual(example(document, operation.request ?? {}), { text: '马云' });
  assert.equal(typeLine({ anyOf: [{ type: 'array', items: { enum: ['a', 'b'] } }, { const: null }] }), '["a" | "b"] | null');
});

test('a store calls the views whose fields changed', () => {
  const store = createStore({ a: 1, b: 2 });
  /** @type {number[]} */
  const seen = [];
  store.watch(['a'], ({ a }) => seen.push(a));
  store.set({ a: 1 });
  store.set({ b: 3 });
  store.set({ a: 4 });
  assert.deepEqual(seen, [1, 4]);
});

test('both languages have the same strings and placeholders', () => {
  /** @param {string} text */
  const placeholders = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  assert.deepEqual(Object.keys(STRINGS.zh).sort(), Object.keys(STRINGS.en).sort());
  for (const [key, text] of Object.entries(STRINGS.zh)) {
    assert.deepEqual(placeholders(text), placeholders(STRINGS.en[/** @type {keyof typeof STRINGS.en} */ (key)]), key);
  }
});
