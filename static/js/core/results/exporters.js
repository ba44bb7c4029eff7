/** Writes a document and its entities in the formats of annotation tools, spreadsheets and browsers. */

/**
 * @typedef {object} Labelled a text with entities; offsets in code points
 * @property {string} text
 * @property {{ type: string, span: string, start: number, end: number, score: number }[]} entities sorted, without overlaps
 */

/**
 * @typedef {object} Provenance how the entities of a document came about
 * @property {boolean} complete whether the whole text was processed
 * @property {[start: number, end: number][]} missing offsets of the parts that were not processed
 * @property {string | null} model
 * @property {string | null} version of the model
 * @property {readonly string[]} types included
 * @property {readonly string[]} excluded types that are switched off
 * @property {number} threshold lowest score, 0 to 1
 */

/** @param {Labelled} labelled @param {Provenance} provenance */
export function toJson(labelled, provenance) {
  return `${JSON.stringify(jsonDocument(labelled, provenance), null, 2)}\n`;
}

/** @param {Labelled} labelled @param {Provenance} provenance */
export function jsonDocument({ text, entities }, { complete, missing, model, version, types, excluded, threshold }) {
  return {
    complete,
    ...(missing.length && { missing }),
    model,
    version,
    types,
    excluded_types: excluded,
    threshold,
    text,
    entities: entities.map(({ type, span, start, end, score }) => ({ type, span, start, end, score })),
  };
}

/** CSV (RFC 4180) with a byte order mark; without it Excel decodes Chinese as Latin-1. @param {Labelled} labelled */
export function toCsv({ entities }) {
  const rows = entities.map(({ type, span, start, end, score }) => [type, span, start, end, score]);
  return `\ufeff${[['type', 'span', 'start', 'end', 'score'], ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

/** @param {string | number} value */
function cell(value) {
  if (typeof value === 'number') return String(value);
  // A spreadsheet would evaluate a cell that starts like a formula.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** BRAT standoff (https://brat.nlplab.org/standoff.html), for a .txt file of the same text. @param {Labelled} labelled */
export function toBrat({ text, entities }) {
  const points = [...text];
  return entities
    .map(({ type, start, end }, index) => {
      // A text-bound annotation must not contain a line break: it is split into fragments around it.
      const fragments = [];
      for (let from = start; from < end; from++) {
        if (isNewline(points[from])) continue;
        let to = from;
        while (to < end && !isNewline(points[to])) to++;
        fragments.push([from, to]);
        from = to;
      }
      const where = fragments.map((fragment) => fragment.join(' ')).join(';');
      const what = fragments.map(([from, to]) => points.slice(from, to).join('')).join(' ');
      return `T${index + 1}\t${type} ${where}\t${what}\n`;
    })
    .join('');
}

/** @param {string} char */
function isNewline(char) {
  return char === '\n' || char === '\r';
}

/** CoNLL: one character per line with its BIOES tag, an empty line between sentences, no line for white space. @param {Labelled} labelled */
export function toConll({ text, entities }) {
  const points = [...text];
  const isSpace = points.map((char) => /\s/u.test(char));
  const tags = points.map(() => 'O');
  /** Whether the next character belongs to the same entity. */
  const continues = points.map(() => false);
  for (const { type, start, end } of entities) {
    continues.fill(true, start, end - 1);
    const inside = [];
    for (let at = start; at < end; at++) if (!isSpace[at]) inside.push(at);
    inside.forEach((at, index) => {
      const first = index === 0;
      const last = index === inside.length - 1;
      tags[at] = `${first ? (last ? 'S' : 'B') : last ? 'E' : 'I'}-${type}`;
    });
  }
  let lines = '';
  points.forEach((char, at) => {
    if (!isSpace[at]) lines += `${char} ${tags[at]}\n`;
    if (!continues[at] && /[\n。！？!?]/u.test(char) && lines && !lines.endsWith('\n\n')) lines += '\n';
  });
  return lines;
}

/**
 * A self-contained HTML page.
 *
 * @param {Labelled} labelled
 * @param {{ color: (type: string) => string, note?: string }} options `note` is shown above the text
 */
export function toHtml({ text, entities }, { color, note = '' }) {
  const points = [...text];
  const types = [...new Set(entities.map(({ type }) => type))];
  const rules = types.map((type) => `mark[data-type="${escape(type)}"] { --tint: ${color(type)}; }`).join('\n');
  let body = '';
  let at = 0;
  for (const { type, start, end } of entities) {
    body += escape(points.slice(at, start).join(''));
    body += `<mark data-type="${escape(type)}" data-start="${start}" data-end="${end}">${escape(points.slice(start, end).join(''))}</mark>`;
    at = end;
  }
  body += escape(points.slice(at).join(''));
  return `<!doctype html>
<html lang="zh">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>RaNER</title>
<style>
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; background: #0a0a0f; color: #e6f1ff; font: 1rem/2.1 system-ui, sans-serif; }
main { white-space: pre-wrap; overflow-wrap: anywhere; }
.note { border-left: 4px solid #fcee0a; padding-left: .75rem; line-height: 1.5; }
mark { background: none; color: var(--tint); border-bottom: 2px solid; }
mark::after { content: attr(data-type); margin: 0 .2em; padding: 0 .3em; background: var(--tint); color: #000; font-size: .65em; }
${rules}
</style>
${note && `<p class="note">${escape(note)}</p>\n`}<main>${body}</main>
</html>
`;
}

/** @param {string} text */
export function escape(text) {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Linux limits a single argument to 131,072 bytes. */
const MAX_ARGUMENT_BYTES = 60_000;

/**
 * A curl command. A long text is passed on standard input, as a here-document.
 *
 * @param {string} url
 * @param {string} text
 * @param {{ types?: readonly string[], model?: string, lexicon?: import('../state/lexicon.js').InlineLexicon, withKey?: boolean }} [options] `withKey` reads the key from the shell; the command does not contain it
 */
export function toCurl(url, text, { types, model, lexicon, withKey = false } = {}) {
  const body = JSON.stringify({ text: text.toWellFormed(), types, model, lexicon });
  const auth = withKey ? ` \\\n  -H "Authorization: Bearer $RANER_API_KEY"` : '';
  const command = `curl -sS ${url} \\\n  -H 'Content-Type: application/json'${auth} \\\n  --data-binary`;
  // JSON escapes line breaks: the body is one line and cannot contain the line that ends the here-document.
  if (new TextEncoder().encode(body).length > MAX_ARGUMENT_BYTES) return `${command} @- <<'RANER_JSON'\n${body}\nRANER_JSON\n`;
  return `${command} '${body.replaceAll("'", `'\\''`)}'`;
}
