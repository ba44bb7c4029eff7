import assert from 'node:assert/strict';
import { test } from 'node:test';

import { example, operations, typeLine } from '../../../static/js/core/service/openapi.js';

test('an OpenAPI document gives operations, types and examples', () => {
  const document = {
    paths: { '/ner': { post: { summary: 'Recognise', requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Request' } } } }, responses: { 200: { description: 'ok' } } } } },
    components: { schemas: { Request: { type: 'object', required: ['text'], properties: { text: { type: 'string', examples: ['马云'] }, other: { type: 'integer' } } } } },
  };
  const [operation] = operations(document);
  assert.deepEqual([operation.verb, operation.path, operation.responses[0].status], ['post', '/ner', '200']);
  assert.deepEqual(example(document, operation.request ?? {}), { text: '马云' });
  assert.equal(typeLine({ anyOf: [{ type: 'array', items: { enum: ['a', 'b'] } }, { const: null }] }), '["a" | "b"] | null');
});
