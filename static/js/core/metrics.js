/**
 * Prometheus text exposition, read for the few series the telemetry panel draws.
 *
 * Series are found by pattern and labels, so that a renamed or missing one leaves a gap and nothing else.
 */

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample */
/**
 * @typedef {object} Reading totals since the service started
 * @property {number} requests
 * @property {number} errors
 * @property {Map<number, number>} buckets upper bound in seconds → cumulative count
 * @property {number} batchSum
 * @property {number} batchCount
 */
/** @typedef {{ qps: number, p50: number | null, p99: number | null, errorRate: number | null, batch: number | null }} Rates */

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const ROUTE_LABELS = ['route', 'endpoint', 'path', 'handler'];
const STATUS_LABELS = ['status', 'status_code', 'code', 'http_response_code'];

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

/** @param {Sample[]} samples @returns {Reading} */
export function read(samples) {
  const requests = family(samples, [/^raner_requests?_total$/, /^raner_\w*request\w*_total$/, /request_total$/]);
  const latencies = family(samples, [/^raner_request_(duration_)?seconds_bucket$/, /request_duration_seconds_bucket$/]);
  const buckets = new Map();
  for (const { labels, value } of latencies) {
    const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return {
    requests: sum(requests),
    errors: sum(requests.filter(({ labels }) => STATUS_LABELS.some((name) => /^[45]/.test(labels[name] ?? '')))),
    buckets,
    batchSum: sum(family(samples, [/^raner_batch_size_sum$/, /batch_size_sum$/])),
    batchCount: sum(family(samples, [/^raner_batch_size_count$/, /batch_size_count$/])),
  };
}

/**
 * The first pattern that names any series wins; where series name a route, only detection counts, not the page's assets.
 *
 * @param {Sample[]} samples
 * @param {RegExp[]} patterns
 */
function family(samples, patterns) {
  for (const pattern of patterns) {
    const series = samples.filter(({ name }) => pattern.test(name));
    if (series.length) {
      return series.filter(({ labels }) => {
        const route = ROUTE_LABELS.map((name) => labels[name]).find((value) => value !== undefined);
        return route === undefined || /^\/?ner\b/.test(route);
      });
    }
  }
  return [];
}

/** @param {Sample[]} samples */
function sum(samples) {
  return samples.reduce((total, { value }) => total + value, 0);
}

/**
 * @param {Reading} before
 * @param {Reading} after
 * @param {number} seconds between the two
 * @returns {Rates | null} null when the service was restarted in between
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
 * As Prometheus' `histogram_quantile`: linear inside the bucket, the last finite bound beyond it.
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
