/** The card next to a hovered or focused mark: type, score, offsets and number of occurrences. */

import { group, keyOf } from '../../core/results/entities.js';
import { number, scoreText, t, typeName } from '../../core/language/i18n.js';
import { el } from '../page/dom.js';

/** @typedef {import('../../core/results/entities.js').Entity} Entity */

const GAP = 8;

/**
 * @param {HTMLElement} card
 * @param {import('./marks.js').MarkedText} marks
 * @param {import('../../core/state/state.js').PageStore} store
 */
export function inspector(card, marks, store) {
  /** @type {Map<string, number>} */
  let times = new Map();
  store.watch(['visible'], ({ visible }) => {
    times = new Map(group(visible).map(({ key, entities }) => [key, entities.length]));
    hide();
  });

  /** @param {Event} event */
  function show({ target }) {
    const entity = marks.entityOf(target);
    if (!entity || !(target instanceof Element)) return;
    const mark = /** @type {Element} */ (target.closest('mark'));
    hide();
    describe(entity);
    card.hidden = false;
    mark.setAttribute('aria-describedby', card.id);
    beside(mark);
  }

  function hide() {
    card.hidden = true;
    marks.root.querySelector('[aria-describedby]')?.removeAttribute('aria-describedby');
  }

  // Focusing a mark scrolls to it, which must not hide its card.
  function follow() {
    const mark = marks.root.querySelector('[aria-describedby]');
    if (mark && mark === document.activeElement && isSeen(mark)) beside(mark);
    else hide();
  }

  /** @param {Element} mark */
  function isSeen(mark) {
    const { top, bottom } = mark.getBoundingClientRect();
    const area = marks.root.getBoundingClientRect();
    return bottom > Math.max(0, area.top) && top < Math.min(innerHeight, area.bottom);
  }

  /** @param {Entity} entity */
  function describe(entity) {
    const file = marks.fileOffsets(entity);
    card.dataset.type = entity.type;
    card.replaceChildren(
      el('p', { class: 'inspector-head' }, el('b', {}, entity.span), el('span', { class: 'tag' }, `${typeName(entity.type)} ${entity.type}`)),
      el(
        'dl',
        {},
        ...row(t('inspect.score'), scoreText(entity.score)),
        ...row(t('inspect.where'), `${entity.start}–${entity.end}`),
        ...(file ? row(t('inspect.file'), file.join('–')) : []),
        ...(entity.source === 'lexicon' ? row(t('inspect.source'), t('lexicon')) : []),
        ...row(t('inspect.times'), t('inspect.times.n', { n: number(times.get(keyOf(entity)) ?? 1) })),
      ),
    );
  }

  /** @param {Element} mark */
  function beside(mark) {
    const box = mark.getClientRects()[0] ?? mark.getBoundingClientRect();
    const { width, height } = card.getBoundingClientRect();
    const left = Math.min(Math.max(GAP, box.left), innerWidth - width - GAP);
    const below = box.bottom + GAP + height < innerHeight;
    card.style.setProperty('left', `${left}px`);
    card.style.setProperty('top', `${Math.max(GAP, below ? box.bottom + GAP / 2 : box.top - height - GAP / 2)}px`);
  }

  marks.root.addEventListener('pointerover', show);
  marks.root.addEventListener('focusin', show);
  marks.root.addEventListener('focusout', hide);
  marks.root.addEventListener('scroll', follow, { passive: true });
  addEventListener('scroll', follow, { passive: true });
  // The pointer may move onto the card (WCAG 1.4.13): only leaving both hides it.
  for (const area of [marks.root, card]) {
    area.addEventListener('pointerout', (event) => {
      const to = event.relatedTarget;
      if (to instanceof Node && (card.contains(to) || marks.entityOf(to))) return;
      if (!marks.entityOf(document.activeElement)) hide();
    });
  }
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide();
  });
}

/** @param {string} name @param {string} value */
function row(name, value) {
  return [el('dt', {}, name), el('dd', {}, value)];
}
