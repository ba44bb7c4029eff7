/**
 * Code points and UTF-16 code units of one text, each restated as the other.
 *
 * The service counts code points (Python), the DOM counts UTF-16 code units.
 */

const SURROGATE = /[\ud800-\udfff]/;

/** @param {string} text */
export function countPoints(text) {
  if (!SURROGATE.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

export class Offsets {
  /** Code unit at which each code point starts, and the text's end; null when the two counts agree. @type {Uint32Array | null} */
  #units = null;
  #length;

  /** @param {string} text */
  constructor(text) {
    this.#length = text.length;
    if (!SURROGATE.test(text)) return;
    const units = new Uint32Array(text.length + 1);
    let points = 0;
    let unit = 0;
    for (const char of text) {
      units[points++] = unit;
      unit += char.length;
    }
    units[points] = unit;
    this.#units = units.subarray(0, points + 1);
  }

  /** How many code points the text has. */
  get points() {
    return this.#units ? this.#units.length - 1 : this.#length;
  }

  /** @param {number} point */
  toUnit(point) {
    if (!this.#units) return point;
    return this.#units[Math.min(point, this.#units.length - 1)];
  }

  /** @param {number} unit a code unit at which a code point starts */
  toPoint(unit) {
    if (!this.#units) return unit;
    return lowerBound(this.#units, unit);
  }
}

/**
 * Index of the first of the ascending numbers that is not below `value`.
 *
 * @param {ArrayLike<number>} numbers
 * @param {number} value
 */
export function lowerBound(numbers, value) {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
