import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../../static/js/core/service/api.js';
import { Heartbeat } from '../../../static/js/core/service/heartbeat.js';
import { createStore } from '../../../static/js/core/state/store.js';

/** @param {Record<string, unknown>} state */
function setUp(state) {
  const store = /** @type {any} */ (createStore({ service: 'online', notice: null, phase: 'idle', ...state }));
  /** @type {(signal: AbortSignal) => Promise<void>} */
  let ready = async () => {};
  let time = 0;
  /** @type {string[]} */
  const calls = [];
  const heartbeat = new Heartbeat(store, /** @type {any} */ ({ ready: (/** @type {AbortSignal} */ signal) => ready(signal) }), {
    connect: async () => {
      calls.push('connect');
      store.set({ service: 'online' });
    },
    resume: () => calls.push('resume'),
    now: () => time,
  });
  return {
    store,
    heartbeat,
    calls,
    /** @param {number} status */
    fail: (status) => {
      ready = async () => {
        throw new ApiError(status, '', '');
      };
    },
    succeed: () => {
      ready = async () => {};
    },
    /** @param {number} ms */
    wait: (ms) => {
      time += ms;
    },
  };
}

test('a refused connection is offline, a 503 not ready, any other response online', async () => {
  const { store, heartbeat, fail } = setUp({});
  const seen = [];
  for (const status of [0, 503, 404]) {
    fail(status);
    await heartbeat.check();
    seen.push(store.state.service);
  }
  assert.deepEqual(seen, ['offline', 'unready', 'online']);
});

test('when the service is back, the model is loaded and the detection continues', async () => {
  const { heartbeat, calls, fail, succeed } = setUp({ notice: { kind: 'offline' } });
  fail(0);
  await heartbeat.check();
  assert.deepEqual(calls, []);
  succeed();
  await heartbeat.check();
  assert.deepEqual(calls, ['connect', 'resume']);
});

test('a locked service is not connected again, and other notices do not continue', async () => {
  const { heartbeat, calls } = setUp({ service: 'locked', notice: { kind: 'auth' } });
  await heartbeat.check();
  assert.deepEqual(calls, []);
});

test('continuing that keeps failing is tried less and less often', async () => {
  const { store, heartbeat, calls, wait } = setUp({ notice: { kind: 'offline' } });
  const gaps = [];
  for (let second = 0, last = 0; second <= 62; second += 2, wait(2000)) {
    const before = calls.length;
    await heartbeat.check();
    if (calls.length > before) {
      gaps.push(second - last);
      last = second;
    }
    store.set({ service: 'online' });
  }
  assert.deepEqual(gaps, [0, 2, 4, 8, 16, 30]);
});
