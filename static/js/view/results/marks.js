/**
 * Draws the document with a `mark` around each visible entity.
 *
 * It is drawn in blocks of about a thousand characters. The browser lays out only the blocks in view, and only blocks
 * whose entities changed are drawn again.
 */

import { drawingBlocks } from '../../core/text/parts.js';
import { keyOf } from '../../core/results/entities.js';
import { SourceOffsets } from '../../core/text/newlines.js';
import { t } from '../../core/language/i18n.js';
import { el } from '../page/dom.js';

/** @typedef {import('../../core/results/entities.js').Entity} Entity */
/** @typedef {import('../../core/state/state.js').State} State */
/** @typedef {{ element: HTMLElement, from: number, to: number, entities: readonly Entity[] }} Block code units */

const LINE_HEIGHT_EM = 2.1;
/** Documents with fewer blocks are laid out whole: skipping layout would flicker and save nothing. */
const LONG = 8;
/** Entities up to this length are not broken across lines. */
const SHORT = 8;

export class MarkedText {
  /** @type {WeakMap<Element, Entity>} */
  #entities = new WeakMap();
  /** @type {Block[]} */
  #blocks = [];
  /** @type {number[]} */
  #bounds = [];
  /** @type {State['document']} */
  #document = null;
  /** @type {SourceOffsets | null} */
  #file = null;
  #columns = 40;

  /**
   * @param {HTMLElement} root
   * @param {import('../../core/state/state.js').PageStore} store
   */
  constructor(root, store) {
    this.root = root;
    store.watch(['document', 'visible', 'pending', 'language', 'phase'], (state) => this.#draw(state));
    store.watch(['selected'], ({ selected }) => this.#select(selected));
    root.addEventListener('click', (event) => {
      const entity = this.entityOf(event.target);
      if (!entity || getSelection()?.isCollapsed === false) return;
      const key = keyOf(entity);
      store.set({ selected: store.state.selected === key ? null : key });
    });
    root.addEventListener('keydown', (event) => this.#moveFocus(event, store));
  }

  /** @param {EventTarget | null} target */
  entityOf(target) {
    const mark = target instanceof Element ? target.closest('mark') : null;
    return mark ? (this.#entities.get(mark) ?? null) : null;
  }

  /** Scrolls to an entity and focuses it. @param {Entity} entity */
  jump(entity) {
    const mark = this.root.querySelector(`mark[data-start="${entity.start}"]`);
    if (!(mark instanceof HTMLElement)) return;
    mark.focus({ preventScroll: true });
    mark.scrollIntoView({ block: 'center' });
  }

  /**
   * The part of the document in view, in code units. Blocks that were never in view count with their estimated height.
   *
   * @returns {{ start: number, end: number }}
   */
  viewport() {
    const { scrollTop, clientHeight } = this.root;
    const top = (/** @type {number} */ index) => this.#blocks[index].element.offsetTop;
    /** The first block that ends below `height`. */
    const at = (/** @type {number} */ height) => {
      let low = 0;
      let high = this.#blocks.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if (top(middle) <= height) low = middle;
        else high = middle - 1;
      }
      const { element, from, to } = this.#blocks[low];
      const share = (height - element.offsetTop) / Math.max(1, element.offsetHeight);
      return from + Math.min(1, Math.max(0, share)) * (to - from);
    };
    if (!this.#blocks.length) return { start: 0, end: 0 };
    return { start: at(scrollTop), end: at(scrollTop + clientHeight) };
  }

  /** An entity's offsets in the file, or null when they equal those on the page. @param {Entity} entity */
  fileOffsets({ start, end }) {
    return this.#file && [this.#file.toSource(start), this.#file.toSource(end)];
  }

  /** @param {State} state */
  #draw({ document, visible, pending, selected, phase }) {
    if (document !== this.#document) this.#createBlocks(document);
    if (!document) {
      this.root.replaceChildren(el('p', { class: 'empty' }, t('output.empty')));
      return;
    }
    const focused = this.entityOf(this.root.ownerDocument.activeElement);
    let next = 0;
    let from = 0;
    this.#blocks.forEach((block, index) => {
      const first = next;
      let to = this.#bounds[index];
      while (next < visible.length && visible[next].from < to) next++;
      // An entity that crosses the edge of a block belongs to the block it starts in.
      if (next > first) to = Math.max(to, visible[next - 1].to);
      to = Math.max(to, from);
      const entities = visible.slice(first, next);
      if (block.from !== from || block.to !== to || !same(block.entities, entities)) {
        Object.assign(block, { from, to, entities });
        this.#fill(block, document.text, selected);
      }
      const waits = phase !== 'done' && pending.some((part) => part.start < to && part.end > from);
      block.element.classList.toggle('is-pending', waits);
      from = to;
    });
    if (focused && !this.entityOf(this.root.ownerDocument.activeElement)) {
      const mark = this.root.querySelector(`mark[data-start="${focused.start}"]`);
      (mark instanceof HTMLElement ? mark : this.root).focus({ preventScroll: true });
    }
  }

  /** @param {State['document']} document */
  #createBlocks(document) {
    this.#document = document;
    this.#file = document?.source?.raw.includes('\r\n') ? new SourceOffsets(document.source.raw) : null;
    const blocks = document ? drawingBlocks(document.text) : [];
    this.#bounds = blocks.map(({ end }) => end);
    this.#blocks = blocks.map(() => ({ element: el('div', { class: 'block' }), from: -1, to: -1, entities: [] }));
    this.#columns = Math.max(10, Math.floor(this.root.clientWidth / parseFloat(getComputedStyle(this.root).fontSize)));
    this.root.classList.toggle('is-long', blocks.length > LONG);
    this.root.replaceChildren(...this.#blocks.map(({ element }) => element));
    this.root.scrollTop = 0;
  }

  /**
   * @param {Block} block
   * @param {string} text
   * @param {string | null} selected
   */
  #fill({ element, from, to, entities }, text, selected) {
    const nodes = [];
    let at = from;
    for (const entity of entities) {
      if (entity.from > at) nodes.push(text.slice(at, entity.from));
      nodes.push(this.#mark(entity, selected));
      at = entity.to;
    }
    if (at < to) nodes.push(text.slice(at, to));
    element.replaceChildren(...nodes);
    const lines = text.slice(from, to).trimEnd().split('\n');
    const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / this.#columns)), 0);
    element.style.setProperty('contain-intrinsic-block-size', `auto ${(rows * LINE_HEIGHT_EM).toFixed(1)}em`);
  }

  /**
   * @param {Entity} entity
   * @param {string | null} selected
   */
  #mark(entity, selected) {
    const { type, start, end, span, source } = entity;
    const mark = el('mark', { 'data-type': type, 'data-start': start, 'data-end': end, 'data-source': source === 'lexicon' && source, tabindex: -1, class: span.length <= SHORT && 'is-short' }, span);
    const inFile = this.fileOffsets(entity);
    if (inFile) {
      mark.dataset.fileStart = String(inFile[0]);
      mark.dataset.fileEnd = String(inFile[1]);
    }
    if (selected === keyOf(entity)) setTwin(mark, true);
    this.#entities.set(mark, entity);
    return mark;
  }

  /** @param {string | null} key */
  #select(key) {
    this.root.classList.toggle('has-selection', key !== null);
    for (const mark of this.root.querySelectorAll('mark')) {
      const entity = this.#entities.get(mark);
      const wanted = key !== null && entity !== undefined && keyOf(entity) === key;
      if (wanted !== mark.classList.contains('is-twin')) setTwin(mark, wanted);
    }
  }

  /**
   * @param {KeyboardEvent} event
   * @param {import('../../core/state/state.js').PageStore} store
   */
  #moveFocus(event, store) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const current = this.root.ownerDocument.activeElement;
    const entity = this.entityOf(current);
    if (event.key === 'Enter' && entity) {
      const key = keyOf(entity);
      store.set({ selected: store.state.selected === key ? null : key });
      return;
    }
    const marks = [...this.root.querySelectorAll('mark')];
    const at = entity && current instanceof HTMLElement ? marks.indexOf(current) : -1;
    /** @type {Record<string, number>} */
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: marks.length - 1 };
    const mark = event.key in steps ? marks[Math.max(0, Math.min(marks.length - 1, steps[event.key]))] : undefined;
    if (!mark) return;
    event.preventDefault();
    mark.focus({ preventScroll: true });
    mark.scrollIntoView({ block: 'nearest' });
  }
}

/** @param {HTMLElement} mark @param {boolean} on */
function setTwin(mark, on) {
  mark.classList.toggle('is-twin', on);
  if (on) mark.setAttribute('aria-current', 'true');
  else mark.removeAttribute('aria-current');
}

/** @param {readonly Entity[]} a @param {readonly Entity[]} b */
function same(a, b) {
  return a.length === b.length && a.every((entity, index) => entity === b[index]);
}
