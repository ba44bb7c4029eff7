/** Entities of a text, and what can be computed from them without another request. */

import { Offsets } from '../text/offsets.js';

/**
 * @typedef {object} Entity
 * @property {string} type
 * @property {string} span
 * @property {number} start in code points of the text on the page
 * @property {number} end end exclusive
 * @property {number} from in UTF-16 code units, for slicing
 * @property {number} to
 * @property {number} score 0 to 1
 * @property {'model' | 'lexicon'} source
 */

/** @typedef {{ type: string, span: string, start_offset: number, end_offset: number, score: number, color: string, source?: 'model' | 'lexicon' }} ApiEntity an entity as the service returns it */

/** @typedef {{ key: string, type: string, span: string, entities: Entity[], score: number }} Group all occurrences of one entity; `score` is the highest */

/**
 * Moves the entities of one part to their offsets in the whole text. The span is the text at those offsets.
 *
 * @param {string} text
 * @param {Offsets} offsets of `text`
 * @param {number} at the part's start in code units
 * @param {ApiEntity[]} received
 * @returns {Entity[]}
 */
export function place(text, offsets, at, received) {
  const base = offsets.toPoint(at);
  const placed = [];
  for (const { type, start_offset, end_offset, score, source = 'model' } of received) {
    const start = base + start_offset;
    const end = Math.min(base + end_offset, offsets.points);
    const from = offsets.toUnit(start);
    const to = offsets.toUnit(end);
    if (to > from) placed.push({ type, span: text.slice(from, to), start, end, from, to, score, source });
  }
  return placed;
}

/**
 * Sorts entities and drops those that overlap an earlier one, so that each can be drawn as a mark.
 *
 * @param {readonly Entity[]} entities
 */
export function flatten(entities) {
  const sorted = [...entities].sort((a, b) => a.start - b.start || b.end - a.end);
  let end = 0;
  return sorted.filter((entity) => {
    if (entity.start < end) return false;
    end = entity.end;
    return true;
  });
}

/**
 * The entities to show. Like `min_score` of the service, the threshold leaves out none that a lexicon determines.
 *
 * @param {readonly Entity[]} entities
 * @param {number} threshold
 * @param {ReadonlySet<string>} [hidden] types
 */
export function shown(entities, threshold, hidden = new Set()) {
  return entities.filter(({ type, score, source }) => (score >= threshold || source === 'lexicon') && !hidden.has(type));
}

/** @param {{ type: string, span: string }} entity */
export function keyOf({ type, span }) {
  return `${type}\u0000${span}`;
}

/** @param {readonly Entity[]} entities @returns {Group[]} most frequent first */
export function group(entities) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const entity of entities) {
    const key = keyOf(entity);
    const known = groups.get(key);
    if (known) {
      known.entities.push(entity);
      known.score = Math.max(known.score, entity.score);
    } else {
      groups.set(key, { key, type: entity.type, span: entity.span, entities: [entity], score: entity.score });
    }
  }
  return [...groups.values()].sort((a, b) => b.entities.length - a.entities.length);
}

/**
 * @param {readonly Entity[]} entities
 * @param {Iterable<string>} types
 * @returns {Map<string, number>} count of every type, including types with 0
 */
export function countByType(entities, types) {
  const counts = new Map([...types].map((type) => [type, 0]));
  for (const { type } of entities) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

/**
 * @param {readonly Entity[]} entities
 * @param {number} points of the text
 */
export function statistics(entities, points) {
  const covered = entities.reduce((sum, { start, end }) => sum + end - start, 0);
  return {
    total: entities.length,
    unique: new Set(entities.map(keyOf)).size,
    share: points ? covered / points : 0,
    density: points ? (entities.length / points) * 1000 : 0,
  };
}
