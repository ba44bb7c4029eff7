/** Live figures of the service from `/metrics`: request rate, latency, errors and batch size, as sparklines. */

import { milliseconds, number, percent, t } from '../../core/language/i18n.js';
import { parse, rates, totals } from '../../core/service/metrics.js';
import { el, find, svg } from '../page/dom.js';

/** @typedef {import('../../core/service/metrics.js').Totals} Totals */
/** @typedef {keyof import('../../core/service/metrics.js').Rates} Dial */

const EVERY_S = 2;
/** Rates cover this many readings, which is steadier than two. */
const WINDOW = 5;
const POINTS = 60;
const GIVE_UP = 3;

/** @type {{ id: Dial, word: import('../../core/language/strings.js').Key, show: (value: number) => string }[]} */
const DIALS = [
  { id: 'qps', word: 'dial.qps', show: (value) => number(value, { maximumFractionDigits: 1 }) },
  { id: 'p50', word: 'dial.p50', show: (value) => milliseconds(value * 1000) },
  { id: 'p99', word: 'dial.p99', show: (value) => milliseconds(value * 1000) },
  { id: 'errorRate', word: 'dial.errors', show: (value) => percent(value, 1) },
  { id: 'batch', word: 'dial.batch', show: (value) => number(value, { maximumFractionDigits: 1 }) },
];

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {import('../../core/service/api.js').Api} api
 */
export function telemetry(store, api) {
  const root = find('#dials', HTMLElement);
  const status = find('#telemetry-status', HTMLElement);
  /** @type {{ at: number, reading: Totals }[]} */
  const readings = [];
  /** @type {Record<Dial, (number | null)[]>} */
  const series = { qps: [], p50: [], p99: [], errorRate: [], batch: [] };
  let failures = 0;

  async function tick() {
    if (document.hidden || store.state.service !== 'online') return;
    try {
      const reading = totals(parse(await api.metrics()));
      failures = 0;
      readings.push({ at: performance.now() / 1000, reading });
      if (readings.length > WINDOW) readings.shift();
      record();
    } catch {
      failures += 1;
    }
    draw();
  }

  function record() {
    const [first] = readings;
    const last = /** @type {typeof first} */ (readings.at(-1));
    const now = rates(first.reading, last.reading, last.at - first.at);
    if (!now && readings.length > 1) readings.length = 0;
    for (const { id } of DIALS) {
      series[id].push(now?.[id] ?? null);
      if (series[id].length > POINTS) series[id].shift();
    }
  }

  function draw() {
    status.textContent = failures >= GIVE_UP ? t('telemetry.none') : t('telemetry.every', { n: EVERY_S });
    root.replaceChildren(...DIALS.map(({ id, word, show }) => {
      const latest = series[id].findLast((value) => value !== null) ?? null;
      return el('div', {}, el('dt', {}, t(word)), el('dd', { 'data-dial': id }, el('span', { class: 'dial-value' }, latest === null ? '—' : show(latest)), sparkline(series[id])));
    }));
  }

  store.watch(['language'], draw);
  store.watch(['service'], () => void tick());
  // After repeated failures, poll less often.
  setInterval(() => {
    if (failures < GIVE_UP || Math.random() < 0.1) void tick();
  }, EVERY_S * 1000);
}

/** The area under a line. @param {string[]} points @param {number} height */
function area(points, height) {
  const [first] = points[0].split(',');
  const [last] = points[points.length - 1].split(',');
  return `${first},${height} ${points.join(' ')} ${last},${height}`;
}

/** @param {(number | null)[]} values */
function sparkline(values) {
  const width = 120;
  const height = 28;
  const top = Math.max(...values.map((value) => value ?? 0), Number.MIN_VALUE);
  const known = values.flatMap((value, index) => (value === null ? [] : [[index, value]]));
  const points = known.map(([index, value]) => {
    const x = ((index + POINTS - values.length) / (POINTS - 1)) * width;
    return `${x.toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`;
  });
  return svg(
    'svg',
    { class: 'spark', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    ...(points.length ? [svg('polygon', { points: area(points, height) }), svg('polyline', { points: points.join(' ') })] : []),
  );
}
