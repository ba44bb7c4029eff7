/** Reads the few series of `/metrics` (Prometheus text format) that the telemetry panel draws. */

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample */
/**
 * @typedef {object} Totals counted since the service started
 * @property {number} requests
 * @property {number} errors
 * @property {Map<number, number>} buckets upper bound in seconds → cumulative count
 * @property {number} batchSum
 * @property {number} batchCount
 */
/** @typedef {{ qps: number, p50: number | null, p99: number | null, errorRate: number | null, batch: number | null }} Rates */

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
/** Only recognition counts, not the page's own files. */
const PATHS = new Set(['/ner', '/ner/batch']);

/** @param {string} text @returns {Sample[]} */
export function parse(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const match = LINE.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries([...(match[2] ?? '').matchAll(LABEL)].map(([, name, value]) => [name, value]));
    const value = match[3] === '+Inf' ? Infinity : Number(match[3]);
    if (!Number.isNaN(value)) samples.push({ name: match[1], labels, value });
  }
  return samples;
}

/** The totals of `ner_runtime/serving/telemetry/metrics.py`. @param {Sample[]} samples @returns {Totals} */
export function totals(samples) {
  const requests = series(samples, 'raner_requests_total').filter(onRecognition);
  const buckets = new Map();
  for (const { labels, value } of series(samples, 'raner_request_seconds_bucket').filter(onRecognition)) {
    const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return {
    requests: sum(requests),
    errors: sum(requests.filter(({ labels }) => /^[45]/.test(labels.status))),
    buckets,
    batchSum: sum(series(samples, 'raner_batch_size_sum')),
    batchCount: sum(series(samples, 'raner_batch_size_count')),
  };
}

/** @param {Sample[]} samples @param {string} name */
function series(samples, name) {
  return samples.filter((sample) => sample.name === name);
}

/** @param {Sample} sample */
function onRecognition({ labels }) {
  return PATHS.has(labels.path);
}

/** @param {Sample[]} samples */
function sum(samples) {
  return samples.reduce((total, { value }) => total + value, 0);
}

/**
 * @param {Totals} before
 * @param {Totals} after
 * @param {number} seconds between the two
 * @returns {Rates | null} null when the service restarted in between
 */
export function rates(before, after, seconds) {
  const requests = after.requests - before.requests;
  if (requests < 0 || seconds <= 0) return null;
  const buckets = [...after.buckets].map(
    /** @returns {[number, number]} */ ([bound, count]) => [bound, count - (before.buckets.get(bound) ?? 0)],
  );
  const batches = after.batchCount - before.batchCount;
  return {
    qps: requests / seconds,
    p50: quantile(buckets, 0.5),
    p99: quantile(buckets, 0.99),
    errorRate: requests ? (after.errors - before.errors) / requests : null,
    batch: batches > 0 ? (after.batchSum - before.batchSum) / batches : null,
  };
}

/**
 * Like Prometheus' `histogram_quantile`: linear inside a bucket; above the last finite bound, that bound.
 *
 * @param {[number, number][]} buckets upper bound → cumulative count
 * @param {number} q
 */
export function quantile(buckets, q) {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (!total) return null;
  const rank = q * total;
  let lower = 0;
  let below = 0;
  for (const [bound, count] of sorted) {
    if (count >= rank) {
      if (bound === Infinity) return lower;
      return count === below ? bound : lower + ((bound - lower) * (rank - below)) / (count - below);
    }
    lower = bound;
    below = count;
  }
  return lower;
}
