/**
 * Splits a document where no entity is cut: after a paragraph, else after a sentence, else after a clause.
 *
 * The service accepts long texts whole. The page sends them in parts so that results appear while the rest is processed.
 */

/** @typedef {{ start: number, end: number }} Part UTF-16 code units, end exclusive */

/** The size of a request, in code units. */
export const PART_SIZE = 6000;
/** The size of a long document's first request: a small one shows its results early. */
export const FIRST_PART_SIZE = 2000;

const BOUNDARIES = [/\n+/g, /[。！？!?…；;]+[”’」』）)"']*/g, /[，,、：:\s]+/g];

/**
 * The parts to send, one request each.
 *
 * @param {string} text
 * @param {{ first?: number, size?: number }} [sizes] in code units
 * @returns {Part[]} in order, together the whole text
 */
export function requestParts(text, { first = FIRST_PART_SIZE, size = PART_SIZE } = {}) {
  if (text.length <= size) return text ? [{ start: 0, end: text.length }] : [];
  const parts = [];
  for (let start = 0; start < text.length; ) {
    const end = boundary(text, start, parts.length ? size : Math.min(first, size));
    parts.push({ start, end });
    start = end;
  }
  return parts;
}

/**
 * The blocks to draw: whole paragraphs where that keeps a block small enough to lay out alone.
 *
 * @param {string} text
 * @param {number} [size] in code units
 * @returns {Part[]} in order, together the whole text
 */
export function drawingBlocks(text, size = 1200) {
  const blocks = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.lastIndexOf('\n', start + size - 1);
    const later = newline < start ? text.indexOf('\n', start + size) : newline;
    const end = later >= start && later < start + 4 * size ? later + 1 : boundary(text, start, size);
    blocks.push({ start, end });
    start = end;
  }
  return blocks;
}

/**
 * @param {string} text
 * @param {number} start
 * @param {number} size
 * @returns {number} the end of the part that starts at `start`
 */
function boundary(text, start, size) {
  if (text.length - start <= size) return text.length;
  const part = text.slice(start, start + size);
  for (const pattern of BOUNDARIES) {
    let last = 0;
    for (const match of part.matchAll(pattern)) last = match.index + match[0].length;
    if (last > size / 4) return start + last;
  }
  const end = start + size;
  const unit = text.charCodeAt(end);
  // Never between the two halves of a surrogate pair.
  return unit >= 0xdc00 && unit <= 0xdfff ? end - 1 : end;
}
