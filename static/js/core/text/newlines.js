/**
 * Line breaks of files. A `textarea` converts them to LF.
 *
 * Converts offsets of the text on the page to offsets in the file: every CRLF before an offset adds one.
 */

import { lowerBound } from './offsets.js';

/** @param {string} text */
export function normalizeNewlines(text) {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

/** @param {string} raw @returns {'CRLF' | 'CR' | 'LF' | 'mixed' | ''} */
export function newlineStyle(raw) {
  const crlf = raw.includes('\r\n');
  const cr = /\r(?!\n)/.test(raw);
  const lf = /(?<!\r)\n/.test(raw);
  if (Number(crlf) + Number(cr) + Number(lf) > 1) return 'mixed';
  if (crlf) return 'CRLF';
  if (cr) return 'CR';
  return lf ? 'LF' : '';
}

export class SourceOffsets {
  /** Code-point offsets, in the LF text, of the line feeds that are CRLF in the file. @type {number[]} */
  #pairs = [];

  /** @param {string} raw the file's text */
  constructor(raw) {
    if (!raw.includes('\r\n')) return;
    let point = 0;
    let previous = '';
    for (const char of raw) {
      if (char === '\n' && previous === '\r') this.#pairs.push(point - 1);
      else point += 1;
      previous = char;
    }
  }

  /** @param {number} point code-point offset in the LF text */
  toSource(point) {
    return point + lowerBound(this.#pairs, point);
  }
}
