import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NO_LEXICON, parseLexicon } from '../../../static/js/core/state/lexicon.js';

test('lines become entries by mode', () => {
  const source = '# 品牌\n蔚来\tORG\n今日头条 ORG force\r\n长安　*　forbid\n苹果 ORG hint -2.5\n\nNew York\tLOC\tprefer\t\n开发者大会 活动\n';
  assert.deepEqual(parseLexicon(source), {
    inline: {
      prefer: [{ text: '蔚来', type: 'ORG' }, { text: 'New York', type: 'LOC' }, { text: '开发者大会', type: '活动' }],
      force: [{ text: '今日头条', type: 'ORG' }],
      forbid: [{ text: '长安', type: '*' }],
      hint: [{ text: '苹果', type: 'ORG', weight: -2.5 }],
    },
    count: 6,
    types: ['ORG', 'LOC', '活动'],
    problems: [],
  });
});

test('an empty lexicon is none', () => {
  for (const source of ['', '\n \n', '# nothing']) assert.deepEqual(parseLexicon(source), NO_LEXICON);
});

test('a line that is no entry is left out with its number', () => {
  const lines = {
    蔚来: 'fields',
    '蔚来 ORG prefer 1 2': 'fields',
    '\tORG': 'fields',
    'New York LOC': 'mode',
    '蔚来\tORG\tForce': 'mode',
    '蔚来 ORG force 2': 'weight',
    '蔚来 ORG hint x': 'weight',
    '蔚来 ORG hint 101': 'weight',
    [`${'长'.repeat(101)} ORG`]: 'long',
    '长安 *': 'any',
    '重复 LOC': 'twice',
  };
  const { problems, count } = parseLexicon(`重复 ORG\n${Object.keys(lines).join('\n')}`);
  assert.deepEqual(problems, Object.values(lines).map((kind, index) => ({ line: index + 2, kind })));
  assert.equal(count, 1);
});
