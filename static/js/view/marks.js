/**
 * The document with a `mark` around each visible entity.
 *
 * Drawn in blocks of about a thousand characters: the browser lays out only those in view, and only those whose
 * entities changed are made anew.
 */

import { paragraphs } from '../core/chunks.js';
import { keyOf } from '../core/entities.js';
import { SourceOffsets } from '../core/newlines.js';
import { t } from '../core/i18n.js';
import { el } from './dom.js';

/** @typedef {import('../core/entities.js').Entity} Entity */
/** @typedef {import('../core/state.js').State} State */
/** @typedef {{ element: HTMLElement, from: number, to: number, entities: Entity[] }} Block code units */

const LINE_HEIGHT_EM = 2.1;
/** Documents of fewer blocks are laid out whole: skipped layout costs a flicker and gains nothing. */
const LONG = 8;
/** Names up to this long are not broken over two lines. */
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
   * @param {import('../core/state.js').PageStore} store
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
    root.addEventListener('keydown', (event) => this.#walk(event, store));
  }

  /** @param {EventTarget | null} target */
  entityOf(target) {
    const mark = target instanceof Element ? target.closest('mark') : null;
    return mark ? (this.#entities.get(mark) ?? null) : null;
  }

  /** Brings an entity into view and puts the focus on it. @param {Entity} entity */
  jump(entity) {
    const mark = this.root.querySelector(`mark[data-start="${entity.start}"]`);
    if (!(mark instanceof HTMLElement)) return;
    mark.focus({ preventScroll: true });
    mark.scrollIntoView({ block: 'center' });
  }

  /** The file's own offsets of an entity, where its line ends differ from the page's. @param {Entity} entity */
  fileOffsets({ start, end }) {
    return this.#file && [this.#file.toSource(start), this.#file.toSource(end)];
  }

  /** @param {State} state */
  #draw({ document, visible, pending, selected, phase }) {
    if (document !== this.#document) this.#lay(document);
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
      // An entity laid across the edge belongs to the block it starts in.
      if (next > first) to = Math.max(to, visible[next - 1].to);
      to = Math.max(to, from);
      const entities = visible.slice(first, next);
      if (block.from !== from || block.to !== to || !same(block.entities, entities)) {
        Object.assign(block, { from, to, entities });
        this.#fill(block, document.text, selected);
      }
      const waits = phase !== 'done' && pending.some((chunk) => chunk.start < to && chunk.end > from);
      block.element.classList.toggle('is-pending', waits);
      from = to;
    });
    if (focused && !this.entityOf(this.root.ownerDocument.activeElement)) {
      const mark = this.root.querySelector(`mark[data-start="${focused.start}"]`);
      (mark instanceof HTMLElement ? mark : this.root).focus({ preventScroll: true });
    }
  }

  /** @param {State['document']} document */
  #lay(document) {
    this.#document = document;
    this.#file = document?.source?.raw.includes('\r\n') ? new SourceOffsets(document.source.raw) : null;
    const pieces = document ? paragraphs(document.text) : [];
    this.#bounds = pieces.map(({ end }) => end);
    this.#blocks = pieces.map(() => ({ element: el('div', { class: 'block' }), from: -1, to: -1, entities: [] }));
    this.#columns = Math.max(10, Math.floor(this.root.clientWidth / parseFloat(getComputedStyle(this.root).fontSize)));
    this.root.classList.toggle('is-long', pieces.length > LONG);
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
    const { type, start, end, span } = entity;
    const mark = el('mark', { 'data-type': type, 'data-start': start, 'data-end': end, tabindex: -1, class: span.length <= SHORT && 'is-short' }, span);
    const inFile = this.fileOffsets(entity);
    if (inFile) {
      mark.dataset.fileStart = String(inFile[0]);
      mark.dataset.fileEnd = String(inFile[1]);
    }
    if (selected === keyOf(entity)) twin(mark, true);
    this.#entities.set(mark, entity);
    return mark;
  }

  /** @param {string | null} key */
  #select(key) {
    this.root.classList.toggle('has-selection', key !== null);
    for (const mark of this.root.querySelectorAll('mark')) {
      const entity = this.#entities.get(mark);
      const wanted = key !== null && entity !== undefined && keyOf(entity) === key;
      if (wanted !== mark.classList.contains('is-twin')) twin(mark, wanted);
    }
  }

  /**
   * @param {KeyboardEvent} event
   * @param {import('../core/state.js').PageStore} store
   */
  #walk(event, store) {
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
function twin(mark, on) {
  mark.classList.toggle('is-twin', on);
  if (on) mark.setAttribute('aria-current', 'true');
  else mark.removeAttribute('aria-current');
}

/** @param {Entity[]} a @param {Entity[]} b */
function same(a, b) {
  return a.length === b.length && a.every((entity, index) => entity === b[index]);
}
