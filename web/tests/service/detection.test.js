import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../../static/js/core/service/api.js';
import { detect } from '../../../static/js/core/service/detection.js';

const TEXT = '0123456789';
const parts = () => [0, 2, 4, 6, 8].map((start) => ({ start, end: start + 2 }));
const nothing = () => {};

test('all parts are sent in order, at most two at a time', async () => {
  /** @type {string[]} */
  const sent = [];
  let open = 0;
  let most = 0;
  const left = parts();
  await detect({
    text: TEXT,
    parts: left,
    signal: new AbortController().signal,
    send: async (text) => {
      sent.push(text);
      most = Math.max(most, ++open);
      await Promise.resolve();
      open -= 1;
      return { data: [], meta: {} };
    },
    onResponse: nothing,
    onWait: nothing,
  });
  assert.deepEqual(sent, ['01', '23', '45', '67', '89']);
  assert.equal(most, 2);
  assert.deepEqual(left, []);
});

test('after a failure the parts without a response remain', async () => {
  const left = parts();
  const failure = new ApiError(500, 'internal', '');
  const detection = detect({
    text: TEXT,
    parts: left,
    signal: new AbortController().signal,
    send: async (text) => {
      if (text === '45') throw failure;
      return { data: [], meta: {} };
    },
    onResponse: nothing,
    onWait: nothing,
  });
  await assert.rejects(detection, failure);
  assert.ok(left.some(({ start }) => start === 4));
  assert.ok(left.every(({ start }) => start >= 4));
});

test('a 429 is retried after the seconds it names', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let attempts = 0;
  /** @type {number[]} */
  const waits = [];
  /** @type {(value: unknown) => void} */
  let ticked = nothing;
  const detection = detect({
    text: TEXT,
    parts: [{ start: 0, end: 10 }],
    signal: new AbortController().signal,
    send: async () => {
      if (++attempts === 1) throw new ApiError(429, 'overloaded', '', 2);
      return { data: [], meta: {} };
    },
    onResponse: nothing,
    onWait: (seconds) => {
      waits.push(seconds);
      ticked(null);
    },
  });
  for (let second = 0; second < 2; second++) {
    if (waits.length <= second) await new Promise((resolve) => (ticked = resolve));
    // The timer starts after onWait returns.
    await Promise.resolve();
    context.mock.timers.tick(1000);
  }
  await detection;
  assert.equal(attempts, 2);
  assert.deepEqual(waits, [2, 1, 0]);
});

test('aborting ends a wait at once', async () => {
  const controller = new AbortController();
  const detection = detect({
    text: TEXT,
    parts: parts(),
    signal: controller.signal,
    send: async () => {
      throw new ApiError(503, 'not_ready', '', 60);
    },
    onResponse: nothing,
    onWait: () => controller.abort(),
  });
  await assert.rejects(detection, { name: 'AbortError' });
});
