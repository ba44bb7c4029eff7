/**
 * Decodes a file's bytes: by its byte order mark, else as strict UTF-8, else with the one of GB18030, Big5 and UTF-16
 * whose result looks most like Chinese. The page shows the guess and lets the user change it.
 */

export const ENCODINGS = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be', 'big5'];

/** @type {[string, number[]][]} */
const MARKS = [
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];
const PLAUSIBLE = /[\t\n\r\x20-\x7e\u3000-\u303f\u3400-\u9fff\uff00-\uffef\u2010-\u203b]/gu;
/** Characters that are frequent in Chinese text and rare in wrongly decoded text. */
const COMMON = /[的一是在不了有和人这這中大上个個国國我以要他时時来來用们們生到作地于於出就分对對成会會可主年也为為说說她与與]/g;
const SAMPLE = 64 * 1024;

/**
 * @param {Uint8Array} bytes
 * @param {string} [encoding] guessed when not given
 * @returns {{ text: string, encoding: string } | null} null when no encoding fits
 */
export function decode(bytes, encoding) {
  if (encoding) return { text: new TextDecoder(encoding).decode(bytes), encoding };
  const marked = MARKS.find(([, mark]) => mark.every((byte, index) => bytes[index] === byte));
  if (marked) return { text: new TextDecoder(marked[0]).decode(bytes), encoding: marked[0] };
  if (!bytes.includes(0)) {
    const text = strict(bytes, 'utf-8');
    if (text !== null) return { text, encoding: 'utf-8' };
  }
  const sample = bytes.subarray(0, SAMPLE - (SAMPLE % 2));
  const [best] = ['gb18030', 'big5', 'utf-16le', 'utf-16be']
    .map((name) => ({ name, score: plausibility(new TextDecoder(name).decode(sample)) }))
    .sort((a, b) => b.score - a.score);
  if (best.score < 0.7) return null;
  return { text: new TextDecoder(best.name).decode(bytes), encoding: best.name };
}

/** @param {Uint8Array} bytes @param {string} encoding */
function strict(bytes, encoding) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** @param {string} text */
function plausibility(text) {
  const seen = (text.match(PLAUSIBLE)?.length ?? 0) + (text.match(COMMON)?.length ?? 0);
  return text ? seen / [...text].length : 0;
}
