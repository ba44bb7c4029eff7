/** Opens files: dropped on the page or chosen in a dialog. The user can correct the guessed encoding. */

import { docxText } from '../../core/text/docx.js';
import { decode, ENCODINGS } from '../../core/text/encodings.js';
import { t } from '../../core/language/i18n.js';
import { newlineStyle } from '../../core/text/newlines.js';
import { el, find } from '../page/dom.js';

/** @typedef {import('../../core/state/state.js').PageStore} PageStore */
/** @typedef {import('../../core/state/state.js').Source} Source */

const MAX_MEGABYTES = 16;
/** File formats that may decode as text but are not text. @type {[string, number[]][]} */
const SIGNATURES = [
  ['PDF', [0x25, 0x50, 0x44, 0x46, 0x2d]],
  ['RTF', [0x7b, 0x5c, 0x72, 0x74, 0x66]],
  ['PostScript', [0x25, 0x21, 0x50, 0x53]],
  ['ZIP', [0x50, 0x4b, 0x03, 0x04]],
  ['OLE', [0xd0, 0xcf, 0x11, 0xe0]],
];
/** A decoded file with more than a few of these per thousand characters is not a text. */
const CONTROLS = /[\u0000-\u0008\u000e-\u001f]/g;

/**
 * @param {PageStore} store
 * @param {import('./editor.js').Load} load
 */
export function files(store, load) {
  const input = find('#file', HTMLInputElement);
  const veil = find('#drop-veil', HTMLElement);

  /** Opens the first file and names those that it does not open. @param {FileList | null | undefined} list */
  async function open(list) {
    const [file, ...others] = list ?? [];
    if (!file) return;
    await openFile(file);
    if (others.length && !store.state.notice) {
      store.set({ notice: { kind: 'several', values: { name: file.name, others: others.map(({ name }) => name).join(t('list.comma')) } } });
    }
  }

  /** @param {File} file */
  async function openFile(file) {
    if (file.size > MAX_MEGABYTES * 1024 * 1024) {
      store.set({ notice: { kind: 'huge', values: { name: file.name, max: MAX_MEGABYTES } } });
      return;
    }
    const source = await readSource(file.name, new Uint8Array(await file.arrayBuffer()));
    if (source) load(source.raw, source);
    else store.set({ notice: { kind: 'unreadable', values: { name: file.name } } });
  }

  input.addEventListener('change', async () => {
    await open(input.files);
    // Otherwise choosing the same file again would not fire a change event.
    input.value = '';
  });
  addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener('drop', (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    veil.hidden = true;
    void open(event.dataTransfer.files);
  });
  sourceLine(store, load);
}

/**
 * @param {string} name
 * @param {Uint8Array} bytes
 * @returns {Promise<Source | null>}
 */
async function readSource(name, bytes) {
  if (/\.docx$/i.test(name)) {
    const raw = await docxText(bytes);
    return raw === null ? null : { name, encoding: 'docx', bytes: null, raw };
  }
  if (SIGNATURES.some(([, signature]) => signature.every((byte, index) => bytes[index] === byte))) return null;
  const decoded = decode(bytes);
  if (!decoded || (decoded.text.match(CONTROLS)?.length ?? 0) > decoded.text.length / 200) return null;
  return { name, encoding: decoded.encoding, bytes, raw: decoded.text };
}

/**
 * @param {PageStore} store
 * @param {import('./editor.js').Load} load
 */
function sourceLine(store, load) {
  const line = find('#source', HTMLElement);
  const name = find('#source-name', HTMLElement);
  const newline = find('#source-newline', HTMLElement);
  const select = find('#encoding', HTMLSelectElement);
  select.append(...ENCODINGS.map((encoding) => el('option', { value: encoding }, encoding.toUpperCase())));

  store.watch(['source', 'language'], ({ source }) => {
    line.hidden = !source;
    if (!source) return;
    name.textContent = source.name;
    const style = newlineStyle(source.raw);
    newline.textContent = style ? t('newline', { style }) : '';
    select.disabled = !source.bytes;
    select.value = source.bytes ? source.encoding : '';
  });
  select.addEventListener('change', () => {
    const { source } = store.state;
    if (!source?.bytes) return;
    const decoded = decode(source.bytes, select.value);
    if (decoded) load(decoded.text, { ...source, encoding: decoded.encoding, raw: decoded.text });
  });
}

