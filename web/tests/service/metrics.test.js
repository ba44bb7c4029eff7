import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parse, quantile, rates, totals } from '../../../static/js/core/service/metrics.js';

const EXPOSITION = `# HELP raner_requests_total Requests.
# TYPE raner_requests_total counter
raner_requests_total{path="/ner",status="200"} 8.0
raner_requests_total{path="/ner",status="429"} 2.0
raner_requests_total{path="/static",status="404"} 50.0
raner_request_seconds_bucket{le="0.1",path="/ner"} 5.0
raner_request_seconds_bucket{le="0.2",path="/ner"} 10.0
raner_request_seconds_bucket{le="+Inf",path="/ner"} 10.0
raner_request_seconds_bucket{le="+Inf",path="/static"} 50.0
raner_batch_size_sum{lane="short"} 12.0
raner_batch_size_count{lane="short"} 4.0
other_requests_total{path="/ner",status="200"} 99.0
`;

test('only recognition requests are counted', () => {
  const { requests, errors, buckets, batchSum, batchCount } = totals(parse(EXPOSITION));
  assert.deepEqual([requests, errors, batchSum, batchCount], [10, 2, 12, 4]);
  assert.deepEqual([...buckets], [[0.1, 5], [0.2, 10], [Infinity, 10]]);
});

test('labels may contain escaped quotes, and broken lines are skipped', () => {
  assert.deepEqual(parse('a{b="c\\"d"} 1\nnonsense\n\nc NaN\nd +Inf'), [
    { name: 'a', labels: { b: 'c\\"d' }, value: 1 },
    { name: 'd', labels: {}, value: Infinity },
  ]);
});

test('rates compare two readings', () => {
  const after = totals(parse(EXPOSITION));
  const before = { ...after, requests: 0, errors: 0, buckets: new Map(), batchSum: 0, batchCount: 0 };
  assert.deepEqual(rates(before, after, 5), { qps: 2, p50: 0.1, p99: 0.198, errorRate: 0.2, batch: 3 });
});

test('a restarted service and an idle one', () => {
  const reading = totals(parse(EXPOSITION));
  assert.equal(rates(reading, { ...reading, requests: 1 }, 5), null);
  assert.deepEqual(rates(reading, reading, 5), { qps: 0, p50: null, p99: null, errorRate: null, batch: null });
});

test('a quantile above the last finite bound is that bound', () => {
  assert.equal(quantile([[1, 0], [2, 0], [Infinity, 4]], 0.5), 2);
});
