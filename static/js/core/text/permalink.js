/**
 * A text in the URL's fragment: `#t=` + base64url(deflate(UTF-8)). Browsers do not send the fragment to the server.
 */

const PREFIX = '#t=';
/** Longer links are often cut by chat and mail programs. */
export const MAX_LINK = 30_000;
const MAX_TEXT_BYTES = 8 * 1024 * 1024;

/** @param {string} text @returns {Promise<string | null>} null when the link would be too long to share */
export async function toFragment(text) {
  const packed = await pump(new TextEncoder().encode(text), new CompressionStream('deflate-raw'), Infinity);
  let binary = '';
  for (const byte of packed) binary += String.fromCharCode(byte);
  const fragment = PREFIX + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  return fragment.length <= MAX_LINK ? fragment : null;
}

/** @param {string} fragment @returns {Promise<string | null>} null when it contains no text */
export async function fromFragment(fragment) {
  if (!fragment.startsWith(PREFIX)) return null;
  try {
    const binary = atob(fragment.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const text = await pump(bytes, new DecompressionStream('deflate-raw'), MAX_TEXT_BYTES);
    return new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    return null;
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {CompressionStream | DecompressionStream} through
 * @param {number} limit in bytes; a few kilobytes can unpack to gigabytes
 */
async function pump(bytes, through, limit) {
  const reader = new Blob([bytes]).stream().pipeThrough(through).getReader();
  const parts = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > limit) {
      await reader.cancel();
      throw new RangeError('the text in the link is too long');
    }
    parts.push(part.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
