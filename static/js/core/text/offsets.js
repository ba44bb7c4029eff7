/**
 * Converts offsets between code points and UTF-16 code units of a text.
 *
 * The service counts code points (Python); the DOM counts UTF-16 code units.
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
  /** Start of each code point in code units, and the end of the text; null when the counts are equal. @type {Uint32Array | null} */
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

  /** Length of the text in code points. */
  get points() {
    return this.#units ? this.#units.length - 1 : this.#length;
  }

  /** @param {number} point */
  toUnit(point) {
    if (!this.#units) return point;
    return this.#units[Math.min(point, this.#units.length - 1)];
  }

  /** @param {number} unit the start of a code point, in code units */
  toPoint(unit) {
    if (!this.#units) return unit;
    return lowerBound(this.#units, unit);
  }
}

/**
 * Index of the first number that is not less than `value`, in an ascending sequence.
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
