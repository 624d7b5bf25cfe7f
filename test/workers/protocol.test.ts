import { expect, test } from 'vitest';
import { BUILT_IN_PARTS } from '../../src/prune-config/index.js';
import {
  parseInspectChildMessage,
  parseJobChildMessage,
  parseJobRequest,
  parsePartsChildMessage,
} from '../../workers/protocol.js';

const artifact = { name: 'model.zip', content_type: 'application/zip', size_bytes: 1, sha256: 'a'.repeat(64) };
const outcome = { status: 'succeeded', result: {}, artifacts: [artifact], warnings: [] };

test.each([
  { type: 'phase', phase: 'pruning' },
  { type: 'progress', progress: 1 },
  { type: 'metric', name: 'loss', value: -0.5, epoch: 2 },
  { type: 'log', message: 'x', fields: { a: [1] } },
  { type: 'done', value: outcome },
  { type: 'error', error: { code: 'INTERNAL', message: '', errors: [], retryable: false } },
])('takes $type', (message) => {
  expect(parseJobChildMessage(message)).toBe(message);
});

test.each([
  ['a phase that is none', { type: 'phase', phase: 'dreaming' }],
  ['progress above 1', { type: 'progress', progress: 1.01 }],
  ['progress that is NaN', { type: 'progress', progress: Number.NaN }],
  ['an unknown type', { type: 'exec', command: 'ls' }],
  [
    'an artifact outside of its folder',
    { type: 'done', value: { ...outcome, artifacts: [{ ...artifact, name: '../x' }] } },
  ],
  ['a text without end', { type: 'log', message: 'x'.repeat(20_000) }],
  ['nothing', undefined],
])('refuses %s', (_what, message) => {
  expect(parseJobChildMessage(message)).toBeUndefined();
});

test('an inspection has no events', () => {
  expect(parseInspectChildMessage({ type: 'progress', progress: 0 })).toBeUndefined();
  expect(parseInspectChildMessage({ type: 'done', value: { format: 'onnx' } })).toBeDefined();
});

test('parts are those of every kind', () => {
  const parts = JSON.parse(JSON.stringify(BUILT_IN_PARTS));
  const { criteria: _, ...others } = parts;
  expect(parsePartsChildMessage({ type: 'done', value: parts })).toBeDefined();
  expect(parsePartsChildMessage({ type: 'done', value: others })).toBeUndefined();
  expect(parsePartsChildMessage({ type: 'done', value: { ...others, criteria: 'l1' } })).toBeUndefined();
});

test('a request without folders is none', () => {
  expect(parseJobRequest({ type: 'run', spec: { jobId: 'x' } })).toBeUndefined();
  expect(parseJobRequest({ type: 'cancel' })).toEqual({ type: 'cancel' });
});
