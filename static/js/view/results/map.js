/** An overview of the document from left to right: one row per type, and the part in view. */

import { countByType, keyOf } from '../../core/results/entities.js';
import { number, t, typeName } from '../../core/language/i18n.js';
import { isOn, isOptional, typesOf } from '../../core/state/state.js';
import { eachFrame, find } from '../page/dom.js';
import { colorOf } from './palette.js';

/** @typedef {import('../../core/results/entities.js').Entity} Entity */

/** Width of a column in CSS pixels. With more entities than columns, rows become histograms. */
const COLUMN = 3;

/**
 * @param {import('../../core/state/state.js').PageStore} store
 * @param {import('./marks.js').MarkedText} marks
 */
export function map(store, marks) {
  const frame = find('#map-frame', HTMLElement);
  const canvas = find('#map', HTMLCanvasElement, frame);
  const view = find('#map-view', HTMLElement, frame);
  const forced = matchMedia('(forced-colors: active)');

  const draw = eachFrame(() => {
    const { document, visible, pending, model, selected } = store.state;
    frame.hidden = !document;
    const context = canvas.getContext('2d');
    if (!context || !document) return;
    const scale = devicePixelRatio;
    const width = Math.round(canvas.clientWidth * scale);
    const height = Math.round(canvas.clientHeight * scale);
    canvas.width = width;
    canvas.height = height;
    const types = typesOf(store.state).filter((type) => isOn(store.state, type) || !isOptional(model, type));
    const row = height / types.length;
    const perUnit = width / document.text.length;
    const plain = forced.matches ? 'CanvasText' : null;

    context.fillStyle = plain ?? 'rgb(122 133 153 / 0.16)';
    for (const { start, end } of pending) context.fillRect(start * perUnit, 0, (end - start) * perUnit, height);
    const dense = visible.length > width / (COLUMN * scale);
    types.forEach((type, index) => {
      const box = { top: index * row + scale, height: row - 2 * scale };
      context.fillStyle = plain ?? colorOf(type, model?.colors);
      const entities = visible.filter((entity) => entity.type === type);
      if (!dense) {
        rectangles(context, entities, { ...box, perUnit, least: scale, selected });
        return;
      }
      const one = selected === null ? entities : entities.filter((entity) => keyOf(entity) === selected);
      context.globalAlpha = 0.25;
      if (selected !== null) histogram(context, entities, { ...box, perUnit, width, column: COLUMN * scale });
      context.globalAlpha = 1;
      histogram(context, one, { ...box, perUnit, width, column: COLUMN * scale });
    });
    const counts = countByType(visible, types);
    const summary = types.map((type) => `${typeName(type)} ${number(counts.get(type) ?? 0)}`).join(', ');
    canvas.setAttribute('aria-label', t('map.summary', { summary }));
    drawView();
  });

  const drawView = eachFrame(() => {
    const { document } = store.state;
    if (!document) return;
    const { start, end } = marks.viewport();
    const { length } = document.text;
    view.hidden = end - start >= length;
    view.style.setProperty('inset-inline-start', `${(start / length) * 100}%`);
    view.style.setProperty('inline-size', `${((end - start) / length) * 100}%`);
  });

  store.watch(['document', 'visible', 'pending', 'model', 'extras', 'selected', 'language', 'theme'], draw);
  marks.root.addEventListener('scroll', drawView, { passive: true });
  new ResizeObserver(draw).observe(canvas);
  forced.addEventListener('change', draw);
  matchMedia('(prefers-color-scheme: light)').addEventListener('change', draw);
  canvas.addEventListener('click', (event) => {
    const { document, visible } = store.state;
    if (!document || !visible.length) return;
    const unit = (event.offsetX / canvas.clientWidth) * document.text.length;
    const nearest = visible.reduce((best, entity) => (Math.abs(entity.from - unit) < Math.abs(best.from - unit) ? entity : best));
    marks.jump(nearest);
  });
}

/**
 * Each entity where it is.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Entity[]} entities
 * @param {{ top: number, height: number, perUnit: number, least: number, selected: string | null }} row
 */
function rectangles(context, entities, { top, height, perUnit, least, selected }) {
  for (const entity of entities) {
    context.globalAlpha = selected === null || keyOf(entity) === selected ? 1 : 0.25;
    context.fillRect(entity.from * perUnit, top, Math.max(least, (entity.to - entity.from) * perUnit), height);
  }
  context.globalAlpha = 1;
}

/**
 * The number of entities per column, relative to the fullest column of the row.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Entity[]} entities
 * @param {{ top: number, height: number, perUnit: number, width: number, column: number }} row
 */
function histogram(context, entities, { top, height, perUnit, width, column }) {
  const counts = new Uint32Array(Math.ceil(width / column));
  for (const { from } of entities) counts[Math.floor((from * perUnit) / column)] += 1;
  const most = Math.max(1, counts.reduce((max, count) => Math.max(max, count), 0));
  counts.forEach((count, index) => {
    const bar = Math.ceil((count / most) * height);
    context.fillRect(index * column, top + height - bar, column * 0.7, bar);
  });
}
