/** Reads an OpenAPI 3.1 document: its operations, and its schemas as one-line types and example values. */

/** @typedef {Record<string, any>} Schema */
/** @typedef {{ verb: string, path: string, summary: string, description: string, request: Schema | null, responses: { status: string, description: string, schema: Schema | null }[] }} Operation */

const VERBS = ['get', 'post', 'put', 'patch', 'delete'];

/** @param {Schema} document @returns {Operation[]} */
export function operations(document) {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    VERBS.filter((verb) => item[verb]).map((verb) => {
      const { summary = '', description = '', requestBody, responses = {} } = item[verb];
      return {
        verb,
        path,
        summary,
        description,
        request: schemaOf(requestBody),
        responses: Object.entries(responses).map(([status, response]) => ({
          status,
          description: response.description ?? '',
          schema: schemaOf(response),
        })),
      };
    }),
  );
}

/** @param {Schema | undefined} content */
function schemaOf(content) {
  return content?.content?.['application/json']?.schema ?? null;
}

/** The name that a `$ref` points to, or ''. @param {Schema} schema */
export function nameOf(schema) {
  return typeof schema.$ref === 'string' ? (schema.$ref.split('/').at(-1) ?? '') : '';
}

/** A schema as a one-line type. @param {Schema} schema @returns {string} */
export function typeLine(schema) {
  const name = nameOf(schema);
  if (name) return name;
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((/** @type {unknown} */ value) => JSON.stringify(value)).join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeLine).join(' | ');
  if (schema.type === 'array') return `[${typeLine(schema.items ?? {})}]`;
  return schema.type ?? 'any';
}

/**
 * An example value for a schema, from the document's own examples where it has them.
 *
 * @param {Schema} document
 * @param {Schema} schema
 * @param {number} [depth] limits schemas that refer to themselves
 * @returns {unknown}
 */
export function example(document, schema, depth = 0) {
  const name = nameOf(schema);
  if (name) return depth > 8 ? null : example(document, document.components?.schemas?.[name] ?? {}, depth + 1);
  if (schema.examples?.length) return schema.examples[0];
  for (const given of ['example', 'const', 'default']) if (schema[given] !== undefined && schema[given] !== null) return schema[given];
  if (schema.enum) return schema.enum[0];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return example(document, choices[0], depth + 1);
  if (schema.type === 'array') return [example(document, schema.items ?? {}, depth + 1)];
  if (schema.type === 'object') {
    const required = new Set(schema.required ?? []);
    const shown = Object.entries(schema.properties ?? {}).filter(([property]) => required.has(property));
    return Object.fromEntries(shown.map(([property, inner]) => [property, example(document, inner, depth + 1)]));
  }
  /** @type {Record<string, unknown>} */
  const plain = { string: '马云在杭州', integer: 0, number: 0, boolean: false };
  return plain[schema.type] ?? null;
}
