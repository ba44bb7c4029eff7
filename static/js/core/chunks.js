/**
 * Pieces of a long document, cut where no name is cut: after a paragraph, else after a sentence, else after a clause.
 *
 * The service takes long texts whole; the page sends pieces so that results appear while the rest is being read.
 */

/** @typedef {{ start: number, end: number }} Chunk code units, end exclusive */

export const WHOLE = 6000;
export const FIRST = 2000;

const ENDS = [/\n+/g, /[。！？!?…；;]+[”’」』）)"']*/g, /[，,、：:\s]+/g];

/**
 * @param {string} text
 * @param {{ first?: number, size?: number }} [sizes] in code units
 * @returns {Chunk[]} in order, together the whole text
 */
export function split(text, { first = FIRST, size = WHOLE } = {}) {
  if (text.length <= size) return text ? [{ start: 0, end: text.length }] : [];
  const chunks = [];
  for (let start = 0; start < text.length; ) {
    const end = cut(text, start, chunks.length ? size : Math.min(first, size));
    chunks.push({ start, end });
    start = end;
  }
  return chunks;
}

/**
 * Pieces for drawing: whole paragraphs where that keeps them small enough to lay out one by one.
 *
 * @param {string} text
 * @returns {Chunk[]}
 */
export function paragraphs(text, size = 1200) {
  const pieces = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.lastIndexOf('\n', start + size - 1);
    const later = newline < start ? text.indexOf('\n', start + size) : newline;
    const end = later >= start && later < start + 4 * size ? later + 1 : cut(text, start, size);
    pieces.push({ start, end });
    start = end;
  }
  return pieces;
}

/**
 * @param {string} text
 * @param {number} start
 * @param {number} size
 * @returns {number} where the piece ends
 */
function cut(text, start, size) {
  if (text.length - start <= size) return text.length;
  const piece = text.slice(start, start + size);
  for (const pattern of ENDS) {
    let last = 0;
    for (const match of piece.matchAll(pattern)) last = match.index + match[0].length;
    if (last > size / 4) return start + last;
  }
  const end = start + size;
  const unit = text.charCodeAt(end);
  return unit >= 0xdc00 && unit <= 0xdfff ? end - 1 : end;
}
