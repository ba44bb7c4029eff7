/** Extracts the text of a .docx file, one line per paragraph. Office Open XML: ECMA-376 part 1, section 17.3. */

const WORDPROCESSING = 'http://schemas.openxmlformats.org/wordprocessingml/2006/main';
const BODY = 'word/document.xml';
/** A small ZIP file can unpack to gigabytes. */
const MAX_UNPACKED = 64 * 1024 * 1024;

/** @type {Record<string, (node: Element) => string>} */
const RUNS = { t: (node) => node.textContent ?? '', tab: () => '\t', br: () => '\n', cr: () => '\n' };

/** @param {Uint8Array} bytes @returns {Promise<string | null>} null when the file is not a .docx */
export async function docxText(bytes) {
  const { unzipSync } = await import('../../../vendor/fflate.js');
  let files;
  try {
    files = unzipSync(bytes, { filter: (file) => file.name === BODY && file.originalSize <= MAX_UNPACKED });
  } catch {
    return null;
  }
  if (!files[BODY]) return null;
  const xml = new DOMParser().parseFromString(new TextDecoder().decode(files[BODY]), 'application/xml');
  if (xml.querySelector('parsererror')) return null;
  return [...xml.getElementsByTagNameNS(WORDPROCESSING, 'p')].map(paragraph).join('\n');
}

/** @param {Element} node */
function paragraph(node) {
  return [...node.getElementsByTagNameNS(WORDPROCESSING, '*')].map((run) => RUNS[run.localName]?.(run) ?? '').join('');
}
