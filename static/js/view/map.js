/** An overview of the document from left to right, with one row of entities per type. */

import { countByType, keyOf } from '../core/entities.js';
import { number, t, typeName } from '../core/i18n.js';
import { isOn, isOptional, typesOf } from '../core/state.js';
import { eachFrame } from './dom.js';
import { colorOf } from './palette.js';

/** @typedef {import('../core/entities.js').Entity} Entity */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('../core/state.js').PageStore} store
 * @param {(entity: Entity) => void} jump
 */
export function map(canvas, store, jump) {
  const forced = matchMedia('(forced-colors: active)');

  const draw = eachFrame(() => {
    const { document, visible, pending, model, selected } = store.state;
    canvas.hidden = !document;
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
    types.forEach((type, index) => {
      context.fillStyle = plain ?? colorOf(type, model?.colors);
      for (const entity of visible) {
        if (entity.type !== type) continue;
        context.globalAlpha = selected === null || keyOf(entity) === selected ? 1 : 0.25;
        const long = Math.max(scale, (entity.to - entity.from) * perUnit);
        context.fillRect(entity.from * perUnit, index * row + scale, long, row - 2 * scale);
      }
      context.globalAlpha = 1;
    });
    const counts = countByType(visible, types);
    const summary = types.map((type) => `${typeName(type)} ${number(counts.get(type) ?? 0)}`).join(', ');
    canvas.setAttribute('aria-label', t('map.summary', { summary }));
  });

  store.watch(['document', 'visible', 'pending', 'model', 'extras', 'selected', 'language'], draw);
  new ResizeObserver(draw).observe(canvas);
  forced.addEventListener('change', draw);
  canvas.addEventListener('click', (event) => {
    const { document, visible } = store.state;
    if (!document || !visible.length) return;
    const unit = (event.offsetX / canvas.clientWidth) * document.text.length;
    const nearest = visible.reduce((best, entity) => (Math.abs(entity.from - unit) < Math.abs(best.from - unit) ? entity : best));
    jump(nearest);
  });
}
